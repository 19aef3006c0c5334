// What a setting hears of, in a sentence, and for what it is.

import type { AlertKind, AlertSetting, Draft, Settings } from "./api/settings.ts";
import { sayInterval } from "./interval.ts";
import { scope } from "./scope.svelte.ts";
import { workflowName } from "./names.ts";
import { withUnit } from "./units.ts";

type Level = Pick<AlertSetting, "project_id" | "workflow_id">;

/** "order-import of Acme Shop", "All of Acme Shop", "Everything". */
export function levelOf(
  { project_id, workflow_id }: Level,
  workflows: Settings["workflows"],
): string {
  if (project_id === null) return "Everything";
  const project = scope.projectName(project_id);
  if (workflow_id === null) return project_id === "" ? project : `All of ${project}`;
  const known = workflows.find(
    (one) => one.project_id === project_id && one.workflow_id === workflow_id,
  );
  const name = workflowName(known ?? { workflow_id, name: null });
  return project_id === "" ? name : `${name} of ${project}`;
}

/** How a kind says what its limit is: "Fires when at least so many failed". */
function beyond(kind: Pick<AlertKind, "parameters">): string {
  const limit = kind.parameters.find(({ name }) => name === "threshold")?.description ?? "";
  if (limit.includes("under")) return "under";
  return /at least|when so many/.test(limit) ? "at least" : "over";
}

/** "over 10 %, within 15 minutes, for 2 minutes". */
export function saySetting(
  setting: Pick<
    Draft,
    "kind" | "parameters" | "for_duration" | "throttle_limit" | "throttle_window"
  >,
  kind: Pick<AlertKind, "family" | "unit" | "parameters">,
): string {
  const given = setting.parameters;
  const parts: string[] = [];
  const threshold = given["threshold"];
  if (typeof threshold === "number") {
    parts.push(`${beyond(kind)} ${withUnit(threshold, kind.unit)}`);
  }
  if (typeof given["objective"] === "number") parts.push(`objective ${given["objective"]} %`);
  if (typeof given["percentile"] === "number") parts.push(`percentile ${given["percentile"]}`);
  for (const name of ["window", "within", "grace"]) {
    const span = given[name];
    if (typeof span === "string") parts.push(`within ${sayInterval(span)}`);
  }
  if (kind.family === "measure" && sayInterval(setting.for_duration) !== "0") {
    parts.push(`for ${sayInterval(setting.for_duration)}`);
  }
  if (kind.family === "event") {
    const least = given["min_severity"];
    const isAny = typeof least !== "string" || least === "low";
    parts.push(isAny ? "of any severity" : `from ${least} severity`);
    const types = given["error_types"];
    if (Array.isArray(types) && types.length > 0) parts.push(`only ${types.join(", ")}`);
    const times = setting.throttle_limit === 1 ? "once" : `${setting.throttle_limit} times`;
    if (sayInterval(setting.throttle_window) !== "0") {
      parts.push(`told ${times} in ${sayInterval(setting.throttle_window)}`);
    }
  }
  return parts.join(", ");
}
