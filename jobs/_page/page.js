// Filters of the persona cards; without JavaScript every card is shown.
const filters = document.querySelector(".filters");
if (filters) {
  const cards = [...document.querySelectorAll(".card")];
  const selects = [...filters.querySelectorAll("select")];
  const shown = filters.querySelector("output");
  const apply = () => {
    for (const card of cards) card.hidden = selects.some((s) => s.value && card.dataset[s.name] !== s.value);
    shown.textContent = `${cards.filter((card) => !card.hidden).length} de ${cards.length} fichas`;
  };
  filters.addEventListener("change", apply);
  filters.hidden = false;
  apply();
}
