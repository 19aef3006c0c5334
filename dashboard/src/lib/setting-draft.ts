// A setting as it is edited: a new one with its kind's defaults, or one that is there.

import type { AlertKind, AlertSetting, Draft } from "./api/settings.ts";

type Place = { project_id: string | null; workflow_id: string | null };

/** As the database would fill it in. */
export function newDraft(kind: AlertKind, place: Place): Draft {
  return {
    name: kind.title,
    kind: kind.kind,
    ...place,
    parameters: defaultsOf(kind),
    severity: "high",
    replaces_general: false,
    evaluation_interval: "1 minute",
    for_duration: "0 minutes",
    keep_firing_for: "0 minutes",
    on_no_data: "keep",
    notify_resolved: true,
    group_by: "workflow",
    group_wait: null,
    throttle_limit: 1,
    throttle_window: "5 minutes",
    repeat_interval: "4 hours",
    template: null,
    is_enabled: true,
    channels: [],
  };
}

export function defaultsOf(kind: AlertKind): Record<string, unknown> {
  return Object.fromEntries(kind.parameters.map(({ name, default: usual }) => [name, usual]));
}

/** What of a setting is set; the figures about it are left out. */
export function draftOf(setting: AlertSetting): Draft {
  return {
    setting_id: setting.setting_id,
    updated_at: setting.updated_at,
    name: setting.name,
    kind: setting.kind,
    project_id: setting.project_id,
    workflow_id: setting.workflow_id,
    parameters: structuredClone(setting.parameters),
    severity: setting.severity,
    replaces_general: setting.replaces_general,
    evaluation_interval: setting.evaluation_interval,
    for_duration: setting.for_duration,
    keep_firing_for: setting.keep_firing_for,
    on_no_data: setting.on_no_data,
    notify_resolved: setting.notify_resolved,
    group_by: setting.group_by,
    group_wait: setting.group_wait,
    throttle_limit: setting.throttle_limit,
    throttle_window: setting.throttle_window,
    repeat_interval: setting.repeat_interval,
    template: setting.template,
    is_enabled: setting.is_enabled,
    channels: setting.channels.map(({ channel_id, after_interval }) => ({
      channel_id,
      after_interval,
    })),
  };
}
