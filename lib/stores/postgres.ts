import type { FastifyRequest } from 'fastify'
import type { ScimSettings, ScimSettingsStore, ScimUser } from '../contracts.ts'
import { quoteTables, resolvePostgresOptions } from './postgres-options.ts'

/** A connection or pool that runs SQL statements: a `Pool` or `Client` of pg, or a `PGlite`. */
export interface Queryable {
  /** Runs one statement with the parameters `$1`, `$2` and so on. */
  query (text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

/** The names of the two tables, each as `schema.table` if its schema is not on the search path. */
export interface PostgresTables {
  /** @defaultValue `'scim_settings'` */
  settings?: string | undefined
  /** @defaultValue `'scim_token_audit'` */
  audit?: string | undefined
}

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions<User extends object> {
  /**
   * Runs the statements. Without a pooler in between, give each statement a name and PostgreSQL
   * plans it only once per connection: `{ query: (text, values) => pool.query({ name, text, values }) }`.
   */
  db: Queryable
  /** Returns the name of a user, a non-empty string, for the settings row and the audit table. */
  createdBy: (user: User) => string
  /**
   * Returns the tenant of a request, a non-empty string. Do not take it from anything that a client
   * can set. If it returns anything else, the request fails and no statement is sent.
   * @defaultValue a single tenant, `'default'`
   */
  tenant?: ((request: FastifyRequest) => string) | undefined
  /** The names of the tables; pass the same to {@link postgresMigration}. */
  tables?: PostgresTables | undefined
}

/**
 * Creates a store on PostgreSQL. Each call is one SQL statement, so it is atomic on any number of
 * nodes and through any pool. {@link postgresMigration} creates its tables.
 *
 * @throws Error that names the first unknown or invalid option and says what it must be
 */
export function postgresStore<User extends object = ScimUser> (options: PostgresStoreOptions<User>): ScimSettingsStore<User> {
  const { db, createdBy, tenant, tables: { settings, audit } } = resolvePostgresOptions(options)

  const replace = `
    with replaced as (
      update ${settings}
      set token_hash = $2, token_created_at = $3, token_created_by = $4
      where tenant = $1
      returning tenant, token_hash, token_created_by
    )
    insert into ${audit} (tenant, token_hash, created_by)
    select tenant, token_hash, token_created_by from replaced
    returning id`

  const find = `
    select token_hash as hash, token_created_at as "createdAt"
    from ${settings}
    where tenant = $1 and enabled and token_hash is not null`

  const getSettings = `
    select enabled, token_hash is not null as "hasToken"
    from ${settings}
    where tenant = $1`

  const setEnabled = `
    insert into ${settings} (tenant, enabled) values ($1, $2)
    on conflict (tenant) do update set enabled = excluded.enabled`

  return {
    async replace (record, { request, user }) {
      const { rows } = await db.query(replace, [tenant(request), record.hash, record.createdAt, createdBy(user)])
      return rows.length > 0
    },

    async find ({ request }) {
      const { rows } = await db.query(find, [tenant(request)])
      if (rows.length === 0) return null
      // The host's driver may be configured to return timestamps as strings.
      const { hash, createdAt } = rows[0] as { hash: string, createdAt: Date | string }
      return { hash, createdAt: new Date(createdAt) }
    },

    async getSettings ({ request }) {
      const { rows } = await db.query(getSettings, [tenant(request)])
      return rows.length > 0 ? rows[0] as ScimSettings : { enabled: false, hasToken: false }
    },

    async setEnabled (enabled, { request }) {
      await db.query(setEnabled, [tenant(request), enabled])
    }
  }
}

/**
 * Returns the SQL that creates the tables of {@link postgresStore} if they do not exist. It is one
 * statement, and may be run at every start, by several nodes at once.
 *
 * A tenant can have a token once it has a row in the settings table. The store only inserts into
 * the audit table: grant the host's role no more than `insert` and `select` on it.
 */
export function postgresMigration (tables?: PostgresTables): string {
  const { settings, audit } = quoteTables('postgresMigration', tables)
  return `
    do $migration$ begin
      -- "if not exists" alone fails if two nodes create the same table at once
      perform pg_advisory_xact_lock(hashtext('fastify-scim-token'));
      create table if not exists ${settings} (
        tenant text primary key,
        enabled boolean not null default false,
        token_hash text check (token_hash ~ '^[0-9a-f]{64}$'),
        token_created_at timestamptz,
        token_created_by text
      );
      create table if not exists ${audit} (
        id bigint generated always as identity primary key,
        tenant text not null,
        token_hash text not null,
        created_at timestamptz not null default now(),
        created_by text not null
      );
    end $migration$`
}
