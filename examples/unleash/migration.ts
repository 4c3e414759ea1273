import type { Database } from '../scim/postgres-pool.ts'

/**
 * Adds what Unleash's database lacks: a table for the attributes that Unleash has no column for, and triggers that
 * end access. Each statement can be repeated, and all stay in place when Unleash is upgraded.
 *
 * Unleash stores a session after it has sent the response to the login, and does not look up the user of a session
 * again. So the triggers lock the row of the user: a session or token is either stored before its user is deactivated,
 * and deleted by that, or it is not stored.
 */
const statements = `
  create table if not exists scim_attributes (
    user_id integer unique references users (id) on delete cascade,
    group_id integer unique references groups (id) on delete cascade,
    -- The name of a group in lower case: names of Unleash's groups are not unique.
    group_key text unique,
    attributes jsonb not null,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now(),
    check (num_nonnulls(user_id, group_id) = 1)
  );
  create index if not exists scim_attributes_external_id on scim_attributes ((attributes ->> 'externalId'));

  create or replace function scim_end_access () returns trigger language plpgsql as $$
  declare
    ended integer[] := array(select id from changed where not exists (select from users where users.id = changed.id and deleted_at is null));
  begin
    if cardinality(ended) > 0 then
      delete from unleash_session where sess #>> '{user,id}' = any (ended::text[]);
      delete from personal_access_tokens where user_id = any (ended);
      delete from reset_tokens where user_id = any (ended);
      -- Of users who were removed, and not deactivated.
      delete from scim_attributes where user_id in (select id from users where id = any (ended) and scim_id is null);
    end if;
    return null;
  end $$;

  create or replace trigger scim_end_access_of_updated after update on users
    referencing old table as changed for each statement execute function scim_end_access();
  create or replace trigger scim_end_access_of_deleted after delete on users
    referencing old table as changed for each statement execute function scim_end_access();

  create or replace function scim_require_active_user () returns trigger language plpgsql as $$
  declare
    owner text := coalesce(to_jsonb(new) #>> '{sess,user,id}', to_jsonb(new) ->> 'user_id');
  begin
    if owner is null then
      return new;
    end if;
    perform from users where id = owner::integer and deleted_at is null for share;
    if found then
      return new;
    end if;
    return null;
  end $$;

  create or replace trigger scim_require_active_user before insert on personal_access_tokens
    for each row execute function scim_require_active_user();
  create or replace trigger scim_require_active_user before insert on unleash_session
    for each row execute function scim_require_active_user();
  create or replace trigger scim_require_active_user_of_updated before update on unleash_session
    for each row when (old.sess #>> '{user,id}' is distinct from new.sess #>> '{user,id}')
    execute function scim_require_active_user()`

/** Creates the table and the triggers if they are missing. */
export async function migrate (db: Database): Promise<void> {
  await db.transaction(async (db) => {
    // Hosts that start at once would otherwise wait for each other in a circle.
    await db.query("select pg_advisory_xact_lock(hashtext('scim migration'))")
    await db.query(statements)
  })
}
