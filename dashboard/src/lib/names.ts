// What workflows are called on screen, and where they lead.

import { shortId } from "./format.ts";
import { to } from "./url.svelte.ts";

type Named = { workflow_id: string; name: string | null };

export function workflowName({ workflow_id, name }: Named): string {
  return name ?? (workflow_id === "" ? "No workflow" : shortId(workflow_id));
}

/** In addresses; empty ones cannot be a part of a path. */
const none = "-";

export function workflowLink(it: {
  source_id: string;
  project_id: string;
  workflow_id: string;
}): string {
  const [project, workflow] = [it.project_id, it.workflow_id].map((id) =>
    encodeURIComponent(id || none),
  );
  return to(`/workflows/${project}/${workflow}`, { source: it.source_id });
}

export function idOf(param: string): string {
  return param === none ? "" : param;
}
