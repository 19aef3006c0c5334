begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(14);

create function pg_temp.transit(p_has_ssl boolean, p_url text, p_plain bigint) returns text
language sql as $$
  select concat_ws(': ', status, split_part(hint, ' ', 1))
  from tocsin_internal.judge_transit(p_has_ssl, p_url, p_plain)
$$;
select is(pg_temp.transit(true, 'https://x.supabase.co/functions/v1', 0), 'ok', 'ssl and https,');
select is(pg_temp.transit(true, null, 0), 'ok', 'or ssl and no address yet: all is well.');
select is(pg_temp.transit(false, 'https://x.supabase.co/functions/v1', 0), 'warn: alter',
  'A server without ssl,');
select is(pg_temp.transit(true, 'https://x.supabase.co/functions/v1', 2), 'warn: supabase',
  'somebody from outside who does without,');
select is(pg_temp.transit(true, 'http://x.supabase.co/functions/v1', 0), 'warn: select',
  'an address that is http: each has its hint.');
select is(hint, 'select tocsin.setup(''https://x.y/functions/v1'');', 'It names the address.')
from tocsin_internal.judge_transit(true, 'http://x.y/functions/v1', 0);
select is(pg_temp.transit(false, url, 9), 'ok', url || ' is this machine.')
from unnest(array['http://127.0.0.1:54321/functions/v1', 'http://localhost/functions/v1',
  'http://host.docker.internal:54321/functions/v1', 'http://kong:8000/functions/v1']) as url;
select is((select status from tocsin.doctor() where check_name = 'encryption in transit'),
  case current_setting('ssl') when 'on' then 'ok' else 'warn' end, 'doctor() asks the server.');

update tocsin_internal.installation set functions_url = 'https://x.example', last_doorbell_id = 7,
  last_doorbell_at = now(), last_api_call_at = now();
create function pg_temp.clocks(p_date text) returns text language plpgsql as $$
begin
  delete from net._http_response;
  insert into net._http_response (id, status_code, headers, created)
  values (7, 202, jsonb_build_object('date', p_date), '2026-03-04 10:00Z');
  update tocsin_internal.installation set last_doorbell_at = '2026-03-04 10:00Z';
  return (select status from tocsin.doctor() where check_name = 'clocks agree');
end
$$;
select is(pg_temp.clocks('Wed, 04 Mar 2026 10:00:31 GMT'), 'ok', 'Half a minute is no difference,');
select is(pg_temp.clocks('Wed, 04 Mar 2026 09:57:00 GMT'), 'warn', 'three minutes are.');
select is(pg_temp.clocks('soon'), 'ok', 'Where it tells no time there is nothing to compare.');

select * from finish();
rollback;
