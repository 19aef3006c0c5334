// All suites, in the order in which `npm run bench` runs them.

import { admissionSuite } from "./admission.ts";
import { backtestSuite } from "./backtest.ts";
import { captureSuite } from "./capture.ts";
import { deliverSuite } from "./deliver.ts";
import { evaluateSuite } from "./evaluate.ts";
import { ingestSuite } from "./ingest.ts";
import type { Suite } from "./measure.ts";
import { queueSamplingSuite } from "./queue-sampling.ts";
import { readSuite } from "./read.ts";
import { rollUpSuite } from "./roll-up.ts";
import { snapshotSuite } from "./snapshot.ts";
import { watchersSuite } from "./watchers.ts";

export const suites: Suite[] = [
  captureSuite,
  rollUpSuite,
  readSuite,
  snapshotSuite,
  deliverSuite,
  ingestSuite,
  admissionSuite,
  queueSamplingSuite,
  watchersSuite,
  evaluateSuite,
  backtestSuite,
];
