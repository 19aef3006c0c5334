// Short messages about what somebody just did. What must not be missed belongs on the page instead.

export type Toast = { id: number; text: string; tone: "good" | "bad" };

class Toasts {
  list = $state<Toast[]>([]);
  #last = 0;

  say(text: string, tone: Toast["tone"] = "good"): void {
    const id = ++this.#last;
    this.list.push({ id, text, tone });
    setTimeout(() => this.close(id), tone === "good" ? 5_000 : 10_000);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
