/** Alert settings: saved one by one, and read with what is inherited. For signed-in users. */
import { z } from "zod";
import { json } from "../../_shared/http.ts";
import { readJson, storable } from "../../_shared/json_body.ts";
import { asUser } from "../access.ts";
import { cachedJson } from "../cache.ts";
import type { Deps } from "../deps.ts";
import { ApiError, invalidBody } from "../errors.ts";
import { text } from "../fields.ts";
import { parseQuery } from "../query.ts";
import type { Route } from "../router.ts";
import { givenSetting, setting } from "../setting.ts";

const maxBytes = 64 * 1024;
/** No parameter of a kind is deeper. */
const deepest = 24;

export function alertSettingsRoutes(deps: Deps): Route[] {
  const read = readSettings(deps);
  return [
    { method: "POST", path: "/alerts/settings", handle: saveSetting(deps) },
    { method: "GET", path: "/alerts/settings/:project_id", handle: read },
    { method: "GET", path: "/alerts/settings/:project_id/:workflow_id", handle: read },
  ];
}

const saved = z.union([
  z.object({ status: z.union([z.literal(200), z.literal(201)]), setting }),
  z.object({
    status: z.union([z.literal(400), z.literal(403), z.literal(404), z.literal(409)]),
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    }),
  }),
]);

function saveSetting({ db }: Deps): Route["handle"] {
  return asUser(async ({ request }, caller) => {
    const given = givenSetting.safeParse(await readJson(request, { maxBytes }));
    if (!given.success) throw invalidBody(given.error);
    const found = await db.call(
      caller,
      "save_alert_setting",
      { p_setting: storable(given.data, deepest) },
      saved,
    );
    if ("error" in found) {
      const { hint, issues, ...told } = found.error;
      throw new ApiError(found.status, {
        ...told,
        ...(hint === undefined ? {} : { hint }),
        ...(issues === undefined ? {} : { issues }),
      });
    }
    return json(found.status, { setting: found.setting });
  });
}

const answer = z.object({
  settings: z.array(
    setting.extend({
      is_inherited: z.boolean(),
      replaced_by: z.array(z.object({ setting_id: z.string(), name: z.string() })),
      applies: z.boolean(),
    }),
  ),
  more_specific: z.array(setting),
});

function readSettings({ db }: Deps): Route["handle"] {
  return asUser(async ({ request, url, params }, caller) => {
    parseQuery(url, z.object({}));
    const { project_id: projectId = "", workflow_id: workflowId } = params;
    // an id that no project can have has no settings, like one that is not there
    const isPossible = [projectId, workflowId ?? ""].every((id) => text(200).safeParse(id).success);
    const found = isPossible
      ? await db.call(
          caller,
          "read_alert_settings",
          { p_project_id: projectId, p_workflow_id: workflowId ?? null },
          answer,
        )
      : { settings: [], more_specific: [] };
    return cachedJson(request, {
      project_id: projectId,
      workflow_id: workflowId ?? null,
      settings: found.settings,
      ...(workflowId === undefined ? { more_specific: found.more_specific } : {}),
    });
  });
}
