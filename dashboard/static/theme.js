// Before anything is painted: the theme that was chosen here, or the system's.
const chosen = localStorage.getItem("tocsin-theme");
const dark =
  chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
document.documentElement.dataset.theme = dark ? "dark" : "light";
