-- Who owns and may use what Supabase Lite has made (dev/lite.ts): as on Supabase.
-- Run once in a new database, by its superuser `supabase_admin`.

grant all on schema auth to supabase_auth_admin, postgres;
grant all on all tables in schema auth to supabase_auth_admin;
-- `references` too: migrations point foreign keys at auth.users.
grant all on all tables in schema auth to postgres with grant option;
grant all on all sequences in schema auth to supabase_auth_admin, postgres;
