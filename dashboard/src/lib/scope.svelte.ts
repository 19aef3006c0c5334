// What the signed-in person may see, for every page: asked for once, when they come.

import { shortId } from "./format.ts";
import type { Scope } from "./api/scope.ts";

class CurrentScope {
  value = $state.raw<Scope>();

  get isOperator(): boolean {
    return this.value?.is_operator ?? false;
  }

  /** Whether settings, channels, errors and alerts of the project may be changed. */
  canEdit(projectId: string | null): boolean {
    const role = this.value?.projects.find(({ project_id }) => project_id === projectId)?.role;
    return this.isOperator || role === "editor" || role === "admin";
  }

  canAdmin(projectId: string): boolean {
    const own = this.value?.projects.find(({ project_id }) => project_id === projectId);
    return this.isOperator || own?.role === "admin";
  }

  /** Where something new belongs: the project that is chosen, or the first that may be changed. */
  placeOfNew(chosen: string | null): string | null | undefined {
    if (chosen !== null && this.canEdit(chosen)) return chosen;
    if (this.isOperator) return null;
    return this.value?.projects.find(({ project_id }) => this.canEdit(project_id))?.project_id;
  }

  projectName(projectId: string): string {
    if (projectId === "") return "No project";
    const own = this.value?.projects.find(({ project_id }) => project_id === projectId);
    return own?.name ?? shortId(projectId);
  }
}

export const scope = new CurrentScope();
