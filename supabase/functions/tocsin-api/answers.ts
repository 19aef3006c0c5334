/** What the database answers with, as several routes read it. */
import { z } from "zod";

export const count = z.number().int();
export const maybeNumber = z.number().nullable();
/** Any of Postgres's ways to write a time with its zone; in UTC from here on. */
export const time = z.string().transform((value) => new Date(value).toISOString());

export const counts = {
  success_count: count,
  failure_count: count,
  timed_out_count: count,
  canceled_count: count,
  success_rate: maybeNumber,
};
