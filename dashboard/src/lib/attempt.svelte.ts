// Something that somebody changes: while it is on its way, when it worked, and when it did not.

import { ApiError } from "./api/client.ts";
import { toasts } from "./toasts.svelte.ts";

export class Attempt {
  isBusy = $state(false);
  error = $state.raw<ApiError>();

  /** Does it and says so; answers whether it worked. What did not work stays in `error`. */
  async run(work: () => Promise<unknown>, done?: string): Promise<boolean> {
    this.isBusy = true;
    this.error = undefined;
    try {
      await work();
      if (done) toasts.say(done);
      return true;
    } catch (problem) {
      this.error =
        problem instanceof ApiError
          ? problem
          : new ApiError("unexpected", String(problem), "Try it again.");
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
