-- Database webhooks, as a project has them once they are enabled in Studio: a trigger function that
-- hands each change to pg_net, and a table that says which trigger made which request.
-- Run once in a new database, by its superuser `supabase_admin`.
--
-- Definer functions: supabase_functions.http_request, because whoever changes a watched row need
-- have no rights here.

create schema supabase_functions;
grant usage on schema supabase_functions to postgres, anon, authenticated, service_role;

create table supabase_functions.hooks (
  id bigserial primary key,
  hook_table_id integer not null,
  hook_name text not null,
  created_at timestamptz not null default now(),
  request_id bigint
);
create index supabase_functions_hooks_request_id_idx on supabase_functions.hooks (request_id);
create index supabase_functions_hooks_h_table_id_h_name_idx on supabase_functions.hooks
  (hook_table_id, hook_name);
grant all on supabase_functions.hooks to postgres, anon, authenticated, service_role;
grant all on sequence supabase_functions.hooks_id_seq
  to postgres, anon, authenticated, service_role;

-- Arguments of the trigger: URL, method, headers, params, timeout in milliseconds.
create function supabase_functions.http_request() returns trigger
language plpgsql security definer set search_path = 'supabase_functions' as $$
declare
  v_url constant text := nullif(tg_argv[0], 'null');
  v_method constant text := nullif(tg_argv[1], 'null');
  v_headers constant jsonb := coalesce(nullif(tg_argv[2], 'null')::jsonb,
    '{"Content-Type": "application/json"}');
  v_params constant jsonb := coalesce(nullif(tg_argv[3], 'null')::jsonb, '{}');
  v_timeout constant int := coalesce(nullif(tg_argv[4], 'null')::int, 1000);
  v_request_id bigint;
begin
  if v_url is null or v_method is null then
    raise exception '% argument is missing', case when v_url is null then 'url' else 'method' end;
  end if;
  if v_method = 'GET' then
    v_request_id := net.http_get(v_url, v_params, v_headers, v_timeout);
  elsif v_method = 'POST' then
    v_request_id := net.http_post(v_url, jsonb_build_object('type', tg_op, 'table', tg_table_name,
      'schema', tg_table_schema, 'record', new, 'old_record', old), v_params, v_headers, v_timeout);
  else
    raise exception 'method argument % is invalid', v_method;
  end if;
  insert into supabase_functions.hooks (hook_table_id, hook_name, request_id)
  values (tg_relid, tg_name, v_request_id);
  return new;
end
$$;
grant execute on function supabase_functions.http_request()
  to postgres, anon, authenticated, service_role;
