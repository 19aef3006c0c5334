-- Stand-in for pg_net 0.14: the tables and functions of the real extension, without its worker.
-- dev/net.ts sends what is queued. Kept as awkward as the original: a request is a row, so it is
-- sent only after commit; the tables are unlogged, so a crash empties them; nothing is retried; and
-- every role can read and write them, which cannot be revoked by `postgres`.

create schema net;

create domain net.http_method as text
  check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index on net._http_response (created);

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');
create type net.http_response as (status_code integer, headers jsonb, body text);
create type net.http_response_result as (
  status net.request_status, message text, response net.http_response
);

create function net.check_worker_is_up() returns void
language plpgsql as $$
begin
  if not exists (
    select from pg_catalog.pg_stat_activity
    where datname = current_database() and application_name = 'pg_net worker'
  ) then
    raise exception 'the pg_net background worker is not up'
      using hint = 'The local stack runs it: npm start';
  end if;
end
$$;

create function net._urlencode_string(string varchar) returns text
language sql immutable as $$
  select coalesce(string_agg(
    case
      when byte between 48 and 57 or byte between 65 and 90 or byte between 97 and 122
        or byte in (45, 46, 95, 126) then chr(byte)
      else '%' || upper(lpad(to_hex(byte), 2, '0'))
    end, '' order by i), '')
  from (
    select i, get_byte(convert_to(string, 'UTF8'), i) as byte
    from generate_series(0, octet_length(convert_to(string, 'UTF8')) - 1) as i
  ) as bytes
$$;

create function net._url_with_params(url text, params jsonb) returns text
language sql immutable as $$
  select url || coalesce((
    select case when position('?' in url) > 0 then '&' else '?' end
      || string_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value), '&')
    from jsonb_each_text(params)
  ), '')
$$;

create function net.wake() returns void
language sql as $$
  select pg_notify('pg_net_wake', '')
$$;

create function net.worker_restart() returns boolean
language sql as $$
  select true
$$;

create function net._enqueue(
  p_method text, p_url text, p_params jsonb, p_headers jsonb, p_body jsonb, p_timeout int
) returns bigint
language plpgsql as $$
declare
  v_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    p_method, net._url_with_params(p_url, p_params), p_headers,
    convert_to(p_body::text, 'UTF8'), p_timeout
  )
  returning id into v_id;
  perform net.wake();
  return v_id;
end
$$;

create function net.http_get(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000
) returns bigint
language sql as $$
  select net._enqueue('GET', url, params, headers, null, timeout_milliseconds)
$$;

create function net.http_post(
  url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}',
  timeout_milliseconds int default 5000
) returns bigint
language plpgsql as $$
declare
  v_content_type text;
begin
  select h.value into v_content_type
  from jsonb_each_text(coalesce(headers, '{}')) as h
  where lower(h.key) = 'content-type'
  limit 1;
  if v_content_type is null then
    headers := headers || '{"Content-Type": "application/json"}';
  elsif v_content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  return net._enqueue('POST', url, params, headers, body, timeout_milliseconds);
end
$$;

create function net.http_delete(
  url text, params jsonb default '{}', headers jsonb default '{}',
  timeout_milliseconds int default 5000, body jsonb default null
) returns bigint
language sql as $$
  select net._enqueue('DELETE', url, params, headers, body, timeout_milliseconds)
$$;

create function net._http_collect_response(request_id bigint, async boolean default true)
returns net.http_response_result
language plpgsql as $$
declare
  v_response net._http_response;
begin
  loop
    select * into v_response from net._http_response where id = request_id;
    exit when async or found;
    perform pg_sleep(0.05);
  end loop;
  if v_response.id is null or v_response.error_msg is not null then
    return (
      'ERROR', coalesce(v_response.error_msg, 'request matching request_id not found'), null
    )::net.http_response_result;
  end if;
  return (
    'SUCCESS', 'ok',
    (v_response.status_code, v_response.headers, v_response.content)::net.http_response
  )::net.http_response_result;
end
$$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
