// Before anything is drawn: the theme that the reader chose here, so that the page does not flash in the other.
try {
  const theme = localStorage.getItem("poe2openai.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme holds.
}
