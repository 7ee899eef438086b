// Without this script every family is shown, one below the other. The address keeps the place: #KIND/NUMBER.
const cards = [...document.querySelectorAll('.family')], find = id => document.getElementById(id);
const has = (e, kind) => e.dataset.kinds.split(' ').includes(kind);
let at = 0;
function show(n) {
  const kind = find('kind').value, some = cards.filter(c => !kind || has(c, kind));
  at = some.length ? (n + some.length) % some.length : 0;
  for (const c of cards) c.hidden = c !== some[at];
  for (const e of document.querySelectorAll('[data-kinds]:not(.family)'))
    e.classList.toggle('wanted', kind !== '' && has(e, kind));
  find('place').textContent = some.length ? `${at + 1} of ${some.length}` : 'none';
  history.replaceState(null, '', `#${kind}/${at + 1}`);
}
function colour() { document.body.classList.toggle('colour', find('colour').checked); }
find('kind').onchange = () => show(0);
find('back').onclick = () => show(at - 1);
find('on').onclick = () => show(at + 1);
find('colour').onchange = colour;
if (find('annotated'))
  find('annotated').onchange = e => document.body.classList.toggle('annotated', e.target.checked);
addEventListener('keydown', e => {
  if (e.target.tagName !== 'SELECT' && e.key.startsWith('Arrow'))
    e.key === 'ArrowLeft' ? show(at - 1) : e.key === 'ArrowRight' && show(at + 1);
});
document.querySelector('nav').hidden = false;
const [kind, place] = location.hash.slice(1).split('/');
if ([...find('kind').options].some(o => o.value === kind)) find('kind').value = kind;
colour();
show((parseInt(place) || 1) - 1);
