// Before anything is drawn: the colours that were chosen here, if any were. The button is main.js's matter.
{
  const chosen = localStorage.getItem("ciotat.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
