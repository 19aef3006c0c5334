-- Stand-in for Supabase Vault 0.3: the table, view and functions of the real extension. Secrets are
-- really encrypted (pgcrypto), with a key that only the owner can read, so that what a plain
-- SELECT on vault.secrets shows is ciphertext here as well.
--
-- Definer functions: create_secret, update_secret and the decryption, because callers may neither
-- write vault.secrets nor read the key.

create table vault._stand_in_key (
  key text not null default pg_catalog.gen_random_uuid()::text
);
insert into vault._stand_in_key default values;

create table vault.secrets (
  id uuid primary key default pg_catalog.gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
comment on table vault.secrets
  is 'Table with encrypted `secret` column for storing sensitive information on disk.';
create unique index on vault.secrets (name) where name is not null;
select pg_catalog.pg_extension_config_dump('vault.secrets', '');

create function vault._encrypt(p_secret text) returns text
language sql security definer set search_path = '' as $$
  select pg_catalog.encode(@extschema:pgcrypto@.pgp_sym_encrypt(p_secret, k.key), 'base64')
  from vault._stand_in_key as k
$$;

-- Named as the real one, which is what Supabase grants to those who may decrypt.
create function vault._crypto_aead_det_decrypt(p_secret text) returns text
language sql security definer set search_path = '' as $$
  select @extschema:pgcrypto@.pgp_sym_decrypt(pg_catalog.decode(p_secret, 'base64'), k.key)
  from vault._stand_in_key as k
$$;

create view vault.decrypted_secrets as
select
  s.id, s.name, s.description, s.secret,
  vault._crypto_aead_det_decrypt(s.secret) as decrypted_secret,
  s.key_id, s.nonce, s.created_at, s.updated_at
from vault.secrets as s;

create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '',
  new_key_id uuid default null
) returns uuid
language sql security definer set search_path = '' as $$
  insert into vault.secrets (secret, name, description)
  values (vault._encrypt(new_secret), new_name, new_description)
  returning id
$$;

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null,
  new_description text default null, new_key_id uuid default null
) returns void
language sql security definer set search_path = '' as $$
  update vault.secrets as s
  set
    secret = coalesce(vault._encrypt(new_secret), s.secret),
    name = coalesce(new_name, s.name),
    description = coalesce(new_description, s.description),
    updated_at = pg_catalog.now()
  where s.id = secret_id
$$;

revoke all on all functions in schema vault from public;

-- What Supabase gives after creating it.
grant usage on schema vault to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant execute on function
  vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt
  to postgres with grant option;
grant usage on schema vault to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
grant execute on function
  vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to service_role;
