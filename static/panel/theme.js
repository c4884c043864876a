// Light or dark: as the system has it, until the reader chooses; the choice is kept in this browser.

const system = matchMedia("(prefers-color-scheme: dark)");

/** The theme; `onChange` is called when it becomes another. */
export function createTheme(onChange) {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const flip = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    onChange();
  };
  system.addEventListener("change", onChange);
  return { isDark, flip };
}

/** What the reader chose for this page in this browser; nothing where storage is switched off. */
export function recall(name) {
  try {
    return localStorage.getItem(`poe2openai.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, choice) {
  try {
    localStorage.setItem(`poe2openai.${name}`, choice);
  } catch {
    // The choice then holds as long as the page is open.
  }
}
