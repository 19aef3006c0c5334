// Light or dark: the system's, until one is chosen here. static/theme.js sets it before painting.

class Theme {
  current = $state<"light" | "dark">(
    document.documentElement.dataset["theme"] === "dark" ? "dark" : "light",
  );

  toggle(): void {
    this.current = this.current === "dark" ? "light" : "dark";
    document.documentElement.dataset["theme"] = this.current;
    localStorage.setItem("tocsin-theme", this.current);
  }
}

export const theme = new Theme();
