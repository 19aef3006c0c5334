begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions;
select plan(1);

select bag_eq($$
  select p.oid::regprocedure::text as name from pg_proc p
  where p.pronamespace in ('tocsin'::regnamespace, 'tocsin_internal'::regnamespace)
    and has_function_privilege('service_role', p.oid, 'execute')
    and not has_function_privilege('authenticated', p.oid, 'execute')
$$, array[
  'tocsin.unsubscribe(text,timestamp with time zone)',
  'tocsin.record_heartbeat(text,timestamp with time zone)',
  'tocsin.claim_heartbeat(timestamp with time zone)',
  'tocsin.note_api_requests(jsonb,timestamp with time zone)',
  'tocsin.trigger_alert(jsonb,text,text,timestamp with time zone)',
  'tocsin.check_doorbell(text)',
  'tocsin.claim_deliveries(integer,integer,timestamp with time zone)',
  'tocsin.record_attempt(uuid,integer,text,timestamp with time zone,timestamp with time zone,'
    'timestamp with time zone,integer,text,text,text,timestamp with time zone,boolean)',
  'tocsin.record_attempts(jsonb)',
  'tocsin.release_deliveries(uuid[],integer[])',
  'tocsin.claim_forwardings(jsonb,integer,integer,timestamp with time zone)',
  'tocsin.record_forwardings(jsonb,jsonb,timestamp with time zone)',
  'tocsin.scrape_metrics(integer,text,text,boolean,timestamp with time zone)',
  'tocsin.announce_environment(text,text)',
  'tocsin.label_request(bigint,text,text)',
  'tocsin.report_error(text,text,text,jsonb,text,text,text,text,text,text,text,text,text,text,text,'
    'integer,text,timestamp with time zone,uuid)',
  'tocsin.report_errors(json,text,text,timestamp with time zone)'
], 'What only the service may call is the sender''s, the scrapers'' and the reporters'' part.');

select * from finish();
rollback;
