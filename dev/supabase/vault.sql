-- Vault is there from the start on Supabase; pg_cron, pg_net and pgmq are not: migrations create
-- them. Run once in a new database, by its superuser `supabase_admin`.

create extension supabase_vault;
