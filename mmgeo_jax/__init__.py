"""Vision encoders that see the details of a geometry diagram, in JAX. No TensorFlow here."""
