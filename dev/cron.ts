// The scheduler behind the stand-in for pg_cron: runs what cron.job says, as the real one does.
//
// One instance of a job at a time: a turn that comes while the job still runs waits for its end.
// A job runs in a connection of its own as the job's user, so under that role's statement timeout,
// and its command goes to the server in one piece: `a; b` is one transaction there, `a; commit; b`
// is two. Times are GMT. Each run leaves a row in cron.job_run_details, for ever.

import { setTimeout as sleep } from "node:timers/promises";
import { Cron } from "croner";
import pg from "pg";
import { superuser } from "./postgres.ts";

export type CronOptions = {
  /** A connection string for a role and database: the scheduler's own and the jobs'. */
  url: (role: string, database?: string) => string;
  database?: string;
  log?: (line: string) => void;
};

export type Worker = { stop: () => Promise<void> };

type Job = {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
  active: boolean;
};

type Task = {
  job: Job;
  nextRun: number;
  waiting: number;
  running: { pid: number | null; done: Promise<void> } | undefined;
};

export async function startCron(options: CronOptions): Promise<Worker> {
  const scheduler = new Scheduler(options);
  await scheduler.connect();
  const loop = scheduler.run();
  return {
    stop: async () => {
      scheduler.stopping = true;
      await loop;
      await scheduler.close();
    },
  };
}

class Scheduler {
  stopping = false;
  #options: CronOptions;
  #client: pg.Client | undefined;
  #tasks = new Map<string, Task>();
  #jobsChanged = true;

  constructor(options: CronOptions) {
    this.#options = options;
  }

  async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.url(superuser, this.#options.database),
      application_name: "pg_cron scheduler",
    });
    client.on("error", () => (this.#client = undefined));
    client.on("end", () => (this.#client = undefined));
    client.on("notification", () => (this.#jobsChanged = true));
    await client.connect();
    await client.query("listen cron_job_cache");
    this.#client = client;
    this.#jobsChanged = true;
    if (await this.#isInstalled()) {
      await client.query(
        `update cron.job_run_details set status = 'failed', return_message = 'server restarted'
         where status in ('starting', 'running')`,
      );
    }
  }

  async run(): Promise<void> {
    for (let tick = 0; !this.stopping; tick++) {
      try {
        if (!this.#client) await this.connect();
        // Also without a notification: `create extension` and restores send none.
        if (this.#jobsChanged || tick % 10 === 0) await this.#readJobs();
        this.#startDue();
      } catch (error) {
        // The server is restarting or gone: what pg_cron would do is wait for it.
        this.#options.log?.(`cron: ${String(error)}`);
        await sleep(500);
      }
      await sleep(100);
    }
  }

  async close(): Promise<void> {
    const running = [...this.#tasks.values()].flatMap(({ running }) => running ?? []);
    for (const { pid } of running) {
      if (pid) await this.#client?.query("select pg_terminate_backend($1)", [pid]).catch(() => 0);
    }
    await Promise.all(running.map(({ done }) => done));
    await this.#client?.end();
  }

  async #isInstalled(): Promise<boolean> {
    const found = await this.#client?.query("select 1 where to_regclass('cron.job') is not null");
    return found?.rowCount === 1;
  }

  async #readJobs(): Promise<void> {
    this.#jobsChanged = false;
    const jobs = (await this.#isInstalled())
      ? ((await this.#client?.query<Job>("select * from cron.job where active"))?.rows ?? [])
      : [];
    const seen = new Set(jobs.map(({ jobid }) => jobid));
    for (const [jobid, task] of this.#tasks) {
      if (!seen.has(jobid) && !task.running) this.#tasks.delete(jobid);
      else if (!seen.has(jobid)) task.nextRun = Infinity;
    }
    for (const job of jobs) {
      const task = this.#tasks.get(job.jobid);
      if (!task) {
        const nextRun = nextRunAfter(job.schedule, Date.now());
        this.#tasks.set(job.jobid, { job, nextRun, waiting: 0, running: undefined });
      } else {
        if (task.job.schedule !== job.schedule || task.nextRun === Infinity) {
          task.nextRun = nextRunAfter(job.schedule, Date.now());
        }
        task.job = job;
      }
    }
  }

  #startDue(): void {
    const now = Date.now();
    for (const task of this.#tasks.values()) {
      if (now >= task.nextRun) {
        task.nextRun = nextRunAfter(task.job.schedule, now);
        // An interval skips the turns that a long run takes; a cron expression makes up for them.
        task.waiting = intervalSeconds(task.job.schedule) ? 1 : task.waiting + 1;
      }
      if (task.waiting > 0 && !task.running) {
        task.waiting -= 1;
        const running: Task["running"] = { pid: null, done: Promise.resolve() };
        task.running = running;
        running.done = this.#runJob(task.job, (pid) => (running.pid = pid))
          .catch((error: unknown) => this.#options.log?.(`cron: ${String(error)}`))
          .finally(() => (task.running = undefined));
      }
    }
  }

  async #runJob(job: Job, onStart: (pid: number) => void): Promise<void> {
    const runid = (
      await this.#client?.query<{ runid: string }>(
        `insert into cron.job_run_details (jobid, database, username, command, status)
         values ($1, $2, $3, $4, 'starting') returning runid`,
        [job.jobid, job.database, job.username, job.command],
      )
    )?.rows[0]?.runid;
    const client = new pg.Client({
      connectionString: this.#options.url(job.username, job.database),
      application_name: "pg_cron",
    });
    client.on("error", () => undefined);
    let outcome: [status: string, message: string];
    try {
      await client.connect();
      const pid = await backendPid(client);
      onStart(pid);
      await this.#client?.query(
        `update cron.job_run_details
         set status = 'running', job_pid = $2, start_time = clock_timestamp() where runid = $1`,
        [runid, pid],
      );
      outcome = ["succeeded", describe(await client.query(job.command))];
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      outcome = ["failed", `ERROR:  ${message}\n`];
    } finally {
      await client.end().catch(() => undefined);
    }
    await this.#client?.query(
      `update cron.job_run_details set status = $2, return_message = $3,
         start_time = coalesce(start_time, clock_timestamp()), end_time = clock_timestamp()
       where runid = $1`,
      [runid, ...outcome],
    );
  }
}

async function backendPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid ?? 0;
}

/** What the real one writes of the last statement: "1 row", or its command tag. */
function describe(results: pg.QueryResult | pg.QueryResult[]): string {
  const last = Array.isArray(results) ? results.at(-1) : results;
  if (!last) return "";
  if (last.fields.length > 0) return last.rowCount === 1 ? "1 row" : `${last.rowCount ?? 0} rows`;
  return last.rowCount === null ? last.command : `${last.command} ${last.rowCount}`;
}

function intervalSeconds(schedule: string): number | undefined {
  const match = /^\s*([1-9]|[1-5][0-9])\s+seconds?\s*$/i.exec(schedule);
  return match ? Number(match[1]) : undefined;
}

/** When a schedule is due next, in milliseconds; never, when it cannot be read. */
export function nextRunAfter(schedule: string, after: number): number {
  const seconds = intervalSeconds(schedule);
  if (seconds) return after + seconds * 1000;
  try {
    // pg_cron writes the last day of the month as `$`.
    const cron = new Cron(schedule.trim().replace("$", "L"), { timezone: "Etc/UTC", paused: true });
    return cron.nextRun(new Date(after))?.getTime() ?? Infinity;
  } catch {
    return Infinity;
  }
}
