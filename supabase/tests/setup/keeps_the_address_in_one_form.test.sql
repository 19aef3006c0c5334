begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(5);

create function pg_temp.kept(p_url text) returns text language plpgsql as $$
begin
  perform tocsin.setup(p_url);
  return (select functions_url from tocsin_internal.installation);
end
$$;
select is(pg_temp.kept(given), kept, given) from (values
  ('https://x.supabase.co/functions/v1', 'https://x.supabase.co/functions/v1'),
  ('https://x.supabase.co/functions/v1/', 'https://x.supabase.co/functions/v1'),
  ('https://x.supabase.co/functions/v1/tocsin-notify', 'https://x.supabase.co/functions/v1'),
  ('https://x.supabase.co/functions/v1/tocsin-notify/', 'https://x.supabase.co/functions/v1'),
  ('http://127.0.0.1:54321', 'http://127.0.0.1:54321')
) as c (given, kept);

select * from finish();
rollback;
