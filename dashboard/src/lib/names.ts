// What workflows and alerts are called on screen, and where they lead.

import { shortId } from "./format.ts";
import { to } from "./url.svelte.ts";

type Named = { workflow_id: string; name: string | null };

export function workflowName({ workflow_id, name }: Named): string {
  return name ?? (workflow_id === "" ? "No workflow" : shortId(workflow_id));
}

export function workflowLink(it: {
  source_id: string;
  project_id: string;
  workflow_id: string;
}): string {
  return to(`/workflows/${encodeURIComponent(it.workflow_id || "-")}`, {
    project: it.project_id,
    source: it.source_id,
  });
}
