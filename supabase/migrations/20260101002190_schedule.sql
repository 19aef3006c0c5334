-- Schedule: the heart begins to beat and the upkeep to run, now that everything they call is there.
--
-- This is the last file, for pg_cron may begin with the very next second: a stage that is not there
-- yet would leave a fault.
--
-- SECURITY DEFINER functions: none.

select tocsin_internal.schedule_jobs();
