/**
 * What `tocsin.scrape_metrics` answers with, as families of metrics.
 *
 * Runs are gauges, not counters: a run that is re-opened leaves the outcome that it had, and a
 * counter that goes down is a counter that was reset to Prometheus, whose rate() would then add all
 * runs there ever were. delta() of a gauge is right in both directions. For the same reason their
 * durations are a gauge histogram.
 */
import { z } from "zod";
import { version } from "../../_shared/version.ts";
import type { Family, HistogramPoint, Labels } from "./format.ts";

const count = z.number().int();

const workflow = z.tuple([
  z.string(), // source
  z.string(), // project
  z.string(), // workflow
  count, // succeeded
  count, // failed
  count, // timed out
  count, // canceled
  z.number(), // seconds that they took in all
  z.array(count), // bins of the histogram of durations
  z.array(count), // runs in each
]);
type Workflow = z.infer<typeof workflow>;

export const snapshotSchema = z.object({
  version: z.string(),
  workflows: z.array(workflow),
  workflows_left_out: count,
  /** The duration in seconds that each of the bins stands for. */
  bin_seconds: z.record(z.string(), z.number()),
  pending_outcomes: count,
  outcomes_set_aside: count,
  queues: z.record(z.string(), count),
  deliveries: z.record(z.string(), count),
  stages: z.array(
    z.object({
      stage: z.string(),
      last_run_at: z.number().nullable(),
      last_duration_seconds: z.number().nullable(),
      fault_count: count,
    }),
  ),
  /** The figures of tocsin.self_metrics: what they are called is for the database to say. */
  self: z.array(
    z.object({
      metric: z.string().regex(/^[a-z][a-z0-9_]{0,80}$/),
      unit: z.string(),
      description: z.string(),
      points: z.array(z.tuple([z.string(), z.number()])),
    }),
  ),
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** Upper bounds in seconds. They are part of the series' names: change them never. */
export const durationBounds = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200, 86_400];

export function familiesOf(snapshot: Snapshot, withDurations: boolean): Family[] {
  const { workflows, stages } = snapshot;
  return [
    {
      type: "info",
      name: "tocsin_build",
      help: "The versions of Tocsin in the database and in this function.",
      labels: [
        ["version", snapshot.version],
        ["function_version", version],
      ],
    },
    {
      type: "gauge",
      name: "tocsin_workflows_left_out",
      help: "Workflows that are not told of here, being over the limit of a scrape.",
      points: [{ labels: [], value: snapshot.workflows_left_out }],
    },
    {
      type: "gauge",
      name: "tocsin_runs",
      help: "Runs that ended, by outcome. One that is re-opened is taken back.",
      points: runsOf(workflows),
    },
    ...(withDurations ? [durationsOf(snapshot)] : []),
    {
      type: "gauge",
      name: "tocsin_pending_outcomes",
      help: "Outcomes of runs that are not rolled up yet.",
      points: [{ labels: [], value: snapshot.pending_outcomes }],
    },
    {
      type: "gauge",
      name: "tocsin_outcomes_set_aside",
      help: "Outcomes of runs that could not be counted, and are in no figure.",
      points: [{ labels: [], value: snapshot.outcomes_set_aside }],
    },
    {
      type: "gauge",
      name: "tocsin_queue_messages",
      help: "Messages in the queues of Tocsin; a queue named _dlq holds what was given up.",
      points: labelled("queue", snapshot.queues),
    },
    {
      type: "gauge",
      name: "tocsin_deliveries",
      help: "Deliveries of the last 24 hours by state, and older ones that are pending or sending.",
      points: labelled("state", snapshot.deliveries),
    },
    {
      type: "gauge",
      name: "tocsin_stage_last_run_timestamp_seconds",
      unit: "seconds",
      help: "When a stage of the heart last ran to its end.",
      points: stages.flatMap(({ stage, last_run_at }) =>
        last_run_at === null ? [] : [{ labels: [["stage", stage]], value: last_run_at }],
      ),
    },
    {
      type: "gauge",
      name: "tocsin_stage_last_duration_seconds",
      unit: "seconds",
      help: "How long that run of the stage took.",
      points: stages.flatMap(({ stage, last_duration_seconds: seconds }) =>
        seconds === null ? [] : [{ labels: [["stage", stage]], value: seconds }],
      ),
    },
    {
      type: "gauge",
      name: "tocsin_stage_faults",
      help: "Faults of a stage of the heart in the last 24 hours.",
      points: stages.map(({ stage, fault_count }) => ({
        labels: [["stage", stage]],
        value: fault_count,
      })),
    },
    ...snapshot.self.map(selfFamily),
  ];
}

const suffixes: Record<string, string> = { seconds: "_seconds", share: "_ratio" };

function selfFamily({ metric, unit, description, points }: Snapshot["self"][number]): Family {
  return {
    type: "gauge",
    name: `tocsin_self_${metric}${suffixes[unit] ?? ""}`,
    ...(unit === "seconds" ? { unit } : {}),
    help: description,
    points: points.map(([of, value]) => ({ labels: of === "" ? [] : [["of", of]], value })),
  };
}

/** Each outcome of each workflow, those that never were as zeros: outcomes do not overlap. */
function* runsOf(workflows: readonly Workflow[]) {
  for (const one of workflows) {
    const labels = labelsOf(one);
    const [, , , succeeded, failed, timedOut, canceled] = one;
    yield { labels: [...labels, ["outcome", "succeeded"]] as Labels, value: succeeded };
    yield { labels: [...labels, ["outcome", "failed"]] as Labels, value: failed };
    yield { labels: [...labels, ["outcome", "timed_out"]] as Labels, value: timedOut };
    yield { labels: [...labels, ["outcome", "canceled"]] as Labels, value: canceled };
  }
}

function durationsOf({ workflows, bin_seconds }: Snapshot): Family {
  const bucketOf = new Map(
    Object.entries(bin_seconds).map(([bin, seconds]) => {
      const index = durationBounds.findIndex((bound) => seconds <= bound);
      return [Number(bin), index < 0 ? durationBounds.length : index];
    }),
  );
  return {
    type: "gaugehistogram",
    name: "tocsin_run_duration_seconds",
    unit: "seconds",
    help: "How long the runs took that are rolled up, of those whose start and end are known.",
    bounds: durationBounds,
    points: workflows.map((one): HistogramPoint => {
      const [, , , , , , , sum, bins, binCounts] = one;
      const counts = Array.from({ length: durationBounds.length + 1 }, () => 0);
      for (const [index, bin] of bins.entries()) {
        const bucket = bucketOf.get(bin) ?? durationBounds.length;
        counts[bucket] = (counts[bucket] ?? 0) + Math.max(0, binCounts[index] ?? 0);
      }
      return { labels: labelsOf(one), counts, sum };
    }),
  };
}

function labelsOf([source, project, id]: Workflow): Labels {
  return [
    ["source_id", source],
    ["project_id", project],
    ["workflow_id", id],
  ];
}

function labelled(name: string, values: Record<string, number>) {
  return Object.entries(values).map(([key, value]) => ({
    labels: [[name, key]] as Labels,
    value,
  }));
}
