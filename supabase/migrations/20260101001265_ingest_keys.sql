-- Ingest keys: with one, a worker or a server of a project reports errors over HTTP.
--
-- A key is shown once, when it is made; only its SHA-256 is kept. A row is never deleted: it is the
-- record of who made the key and who revoked it.
--
-- Errors: TC033, TC034 (docs/reference/errors.md).
-- SECURITY DEFINER functions: none. People make and revoke keys under the policies below; a trigger
-- keeps the record true.

create table tocsin.ingest_keys (
  key_id uuid primary key default gen_random_uuid(),
  project_id text not null,
  name text not null,
  key_hash text not null unique,
  key_hint text not null,
  rate_limit int not null default 6000,
  created_by uuid,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_by uuid,
  revoked_at timestamptz,
  last_used_at timestamptz,
  window_began_at timestamptz,
  window_count int not null default 0,
  constraint a_key_has_a_name check (name ~ '\S' and length(name) <= 100),
  constraint a_rate_limit_lets_a_batch_through check (rate_limit between 100 and 1000000)
);

create index ingest_keys_project_id_idx on tocsin.ingest_keys (project_id);

comment on table tocsin.ingest_keys is
  'Keys with which workers and servers report errors. Made by create_ingest_key(), revoked by '
  'revoke_ingest_key(). For editors of the project and operators.';
comment on column tocsin.ingest_keys.key_id is 'The key''s own id: no secret.';
comment on column tocsin.ingest_keys.project_id is
  'The project whose errors it reports; empty: what belongs to none.';
comment on column tocsin.ingest_keys.name is 'What people call it, such as the server it is on.';
comment on column tocsin.ingest_keys.key_hash is 'SHA-256 of the key, hexadecimal.';
comment on column tocsin.ingest_keys.key_hint is 'Its last four characters, to know it by.';
comment on column tocsin.ingest_keys.rate_limit is 'How many errors a minute it may report.';
comment on column tocsin.ingest_keys.created_by is 'Who made it; null: a statement in SQL.';
comment on column tocsin.ingest_keys.created_at is 'When it was made.';
comment on column tocsin.ingest_keys.expires_at is 'From when on it is refused; null: never.';
comment on column tocsin.ingest_keys.revoked_by is 'Who revoked it.';
comment on column tocsin.ingest_keys.revoked_at is 'When it was revoked; null: it is good.';
comment on column tocsin.ingest_keys.last_used_at is 'When it was last used, to the minute.';
comment on column tocsin.ingest_keys.window_began_at is 'The minute that window_count is about.';
comment on column tocsin.ingest_keys.window_count is 'How many errors it reported in it.';

create function tocsin_internal.keep_key_record() returns trigger
language plpgsql set search_path = ''
as $$
begin
  if tg_op = 'INSERT' then
    new.created_by := (select auth.uid());
    new.revoked_by := null;
    new.revoked_at := null;
    return new;
  end if;
  if (new.key_id, new.project_id, new.key_hash, new.key_hint, new.created_by, new.created_at)
    is distinct from
    (old.key_id, old.project_id, old.key_hash, old.key_hint, old.created_by, old.created_at)
    or old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at
  then
    raise exception 'The ingest key "%" cannot be made another one', old.name
      using errcode = 'TC034', hint = 'Make a new key, and revoke this one.';
  end if;
  if old.revoked_at is null and new.revoked_at is not null then
    new.revoked_by := (select auth.uid());
  end if;
  return new;
end
$$;

comment on function tocsin_internal.keep_key_record() is
  'Trigger of ingest_keys: says who made and who revoked a key; a revoked one stays so. Raises '
  'TC034.';

create trigger ingest_keys_keep_record before insert or update on tocsin.ingest_keys
  for each row execute function tocsin_internal.keep_key_record();

create function tocsin_internal.hash_key(p_key text) returns text
language sql immutable set search_path = ''
as $$ select encode(sha256(convert_to(p_key, 'UTF8')), 'hex') $$;

comment on function tocsin_internal.hash_key(text) is 'What is kept of a key: its SHA-256.';

create function tocsin.create_ingest_key(
  p_project_id text, p_name text, p_expires_at timestamptz default null,
  p_rate_limit int default 6000
) returns table (key_id uuid, ingest_key text, project_id text, name text, expires_at timestamptz)
language plpgsql set search_path = ''
as $$
#variable_conflict use_column
declare
  v_key constant text := 'tocsin_ik_' || translate(encode(decode(replace(
    gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64'), '+/=', '-_');
begin
  return query
    insert into tocsin.ingest_keys as k (project_id, name, key_hash, key_hint, rate_limit,
      expires_at)
    values (p_project_id, p_name, tocsin_internal.hash_key(v_key), right(v_key, 4), p_rate_limit,
      p_expires_at)
    returning k.key_id, v_key, k.project_id, k.name, k.expires_at;
exception when insufficient_privilege then
  raise exception 'You may not make an ingest key for the project "%"', p_project_id
    using errcode = 'TC033', hint = 'Ask an editor of the project, or an operator.';
end
$$;

comment on function tocsin.create_ingest_key(text, text, timestamptz, int) is
  'Makes a key with which errors of the project are reported, and shows it this once. p_rate_limit '
  'is how many errors a minute it may report: 100 to 1,000,000. For editors of the project and '
  'operators. Raises TC033.';

create function tocsin.revoke_ingest_key(
  p_key_id uuid, p_now timestamptz default clock_timestamp()
) returns tocsin.ingest_keys
language plpgsql set search_path = ''
as $$
declare
  v_key tocsin.ingest_keys;
begin
  update tocsin.ingest_keys k set revoked_at = coalesce(k.revoked_at, p_now)
  where k.key_id = p_key_id returning k.* into v_key;
  if not found then
    raise exception 'There is no ingest key % that you may revoke', p_key_id
      using errcode = 'TC033', hint = 'select key_id, name from tocsin.ingest_keys';
  end if;
  return v_key;
end
$$;

comment on function tocsin.revoke_ingest_key(uuid, timestamptz) is
  'Refuses the key from now on, for good. For editors of its project and operators. Raises TC033.';

-- Row-level security and privileges ---------------------------------------------------------------

alter table tocsin.ingest_keys enable row level security;

create policy editors_see_keys on tocsin.ingest_keys
  for select to authenticated using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_make_keys on tocsin.ingest_keys
  for insert to authenticated with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );
create policy editors_revoke_keys on tocsin.ingest_keys
  for update to authenticated
  using (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  )
  with check (
    (select tocsin_internal.is_operator()) or project_id in (select tocsin.my_project_ids('editor'))
  );

revoke all on tocsin.ingest_keys from public, anon, authenticated, service_role;
grant select, insert, update on tocsin.ingest_keys to authenticated, service_role;
revoke all on all functions in schema tocsin_internal from public;
grant execute on function tocsin_internal.hash_key(text) to authenticated, service_role;
revoke all on function tocsin.create_ingest_key(text, text, timestamptz, int),
  tocsin.revoke_ingest_key(uuid, timestamptz) from public, anon;
grant execute on function tocsin.create_ingest_key(text, text, timestamptz, int),
  tocsin.revoke_ingest_key(uuid, timestamptz) to authenticated, service_role;
