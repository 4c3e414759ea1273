import type { FastifyRequest } from 'fastify'
import type { ScimSettingsStore } from '../../lib/index.ts'
import type { Queryable } from '../../lib/stores/postgres.ts'

/** An earlier version of the package on PostgreSQL, as nodes that are not yet replaced run it. */
export interface EarlierVersion {
  migration: string
  /** Creates a store with the statements of this version. */
  createStore (db: Queryable, tenant?: (request: FastifyRequest) => string): Pick<ScimSettingsStore, 'find' | 'replace' | 'setEnabled'>
}

const firstTables = `
      create table if not exists "scim_settings" (
        tenant text primary key,
        enabled boolean not null default false,
        token_hash text check (token_hash ~ '^[0-9a-f]{64}$'),
        token_created_at timestamptz,
        token_created_by text
      );
      create table if not exists "scim_token_audit" (
        id bigint generated always as identity primary key,
        tenant text not null,
        token_hash text not null,
        created_at timestamptz not null default now(),
        created_by text not null
      );`

const find = `
    select token_hash as hash, token_created_at as "createdAt"
    from "scim_settings"
    where tenant = $1 and enabled and token_hash is not null`

async function findRecord (db: Queryable, tenant: string) {
  const { rows: [row] } = await db.query(find, [tenant]) as { rows: { hash: string, createdAt: Date }[] }
  return row ?? null
}

/** Version 0.1.0 before writes were fenced. */
const unfenced: EarlierVersion = {
  migration: `
    do $migration$ begin
      perform pg_advisory_xact_lock(hashtext('fastify-scim-token'));
      ${firstTables}
    end $migration$`,

  createStore: (db, tenant = () => 'default') => ({
    find: ({ request }) => findRecord(db, tenant(request)),
    async replace ({ hash, createdAt }, { request }) {
      const { rows } = await db.query(`
        with replaced as (
          update "scim_settings" set token_hash = $2, token_created_at = $3, token_created_by = $4
          where tenant = $1
          returning tenant, token_hash, token_created_by
        )
        insert into "scim_token_audit" (tenant, token_hash, created_by)
        select tenant, token_hash, token_created_by from replaced
        returning id`, [tenant(request), hash, createdAt, 'an earlier node'])
      return rows.length > 0
    },
    async setEnabled (enabled, { request }) {
      await db.query(`
        insert into "scim_settings" (tenant, enabled) values ($1, $2)
        on conflict (tenant) do update set enabled = excluded.enabled`, [tenant(request), enabled])
    }
  })
}

/** Version 0.1.0 with a fence for each kind of write. */
const twoFences: EarlierVersion = {
  migration: `
    do $migration$ begin
      perform pg_advisory_xact_lock(hashtext('fastify-scim-token'));
      ${firstTables}
      alter table "scim_settings"
        add column if not exists fence bigint not null default 0,
        add column if not exists token_fence bigint not null default 0,
        add column if not exists enabled_fence bigint not null default 0;
      alter table "scim_token_audit"
        alter column token_hash drop not null,
        add column if not exists enabled boolean check (num_nonnulls(token_hash, enabled) = 1);
    end $migration$`,

  createStore (db, tenant = () => 'default') {
    const draw = async (name: string) => {
      const { rows: [row] } = await db.query(`
        update "scim_settings"
        set fence = greatest(fence + 1, token_fence + 1, enabled_fence + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
        where tenant = $1
        returning fence`, [name]) as { rows: { fence: string }[] }
      return row?.fence
    }
    return {
      find: ({ request }) => findRecord(db, tenant(request)),
      async replace ({ hash, createdAt }, { request }) {
        const { rows } = await db.query(`
          with replaced as (
            update "scim_settings" set token_fence = $2, token_hash = $3, token_created_at = $4, token_created_by = $5
            where tenant = $1 and token_fence < $2
            returning tenant
          ), audited as (
            insert into "scim_token_audit" (tenant, token_hash, created_by) select tenant, $3, $5 from replaced
          )
          select 1 from replaced`, [tenant(request), await draw(tenant(request)), hash, createdAt, 'an earlier node'])
        return rows.length > 0
      },
      async setEnabled (enabled, { request }) {
        await db.query(`
          with switched as (
            update "scim_settings" set enabled_fence = $2, enabled = $3
            where tenant = $1 and enabled_fence < $2
            returning tenant
          ), audited as (
            insert into "scim_token_audit" (tenant, enabled, created_by) select tenant, $3, $4 from switched
          )
          select 1 from switched`, [tenant(request), await draw(tenant(request)), enabled, 'an earlier node'])
      }
    }
  }
}

export const earlierVersions = { 'without a fence': unfenced, 'with two fences': twoFences }
