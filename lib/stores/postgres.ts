import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { ScimSettings, ScimSettingsStore, ScimUser } from '../contracts.ts'

/** A connection or pool that runs SQL statements: a `Pool` or `Client` of pg, or a `PGlite`. */
export interface Queryable {
  /** Runs one statement with the parameters `$1`, `$2` and so on. */
  query (text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

/** A connection or pool that runs named prepared statements: a `Pool` or `Client` of pg. */
export interface NamedQueryable {
  /** Prepares the statement under its name once per connection, and runs it. */
  query (statement: { name: string, text: string, values: unknown[] }): Promise<{ rows: unknown[] }>
}

/** The names of the two tables, each as `schema.table` if its schema is not on the search path. */
export interface PostgresTables {
  /** @defaultValue `'scim_settings'` */
  settings?: string
  /** @defaultValue `'scim_token_audit'` */
  audit?: string
}

/** What {@link postgresStore} runs its statements on. */
export type PostgresConnection =
  | {
    /** Runs the statements. It must be the primary: a replica returns tokens that were replaced. */
    db: Queryable
    /** @defaultValue `false` */
    preparedStatements?: false
  }
  | {
    /** Runs the statements. It must be the primary: a replica returns tokens that were replaced. */
    db: NamedQueryable
    /**
     * Whether each statement has a name, so that PostgreSQL parses it once per connection. A pooler
     * in between must support prepared statements.
     */
    preparedStatements: true
  }

/** Options of {@link postgresStore}. */
export type PostgresStoreOptions<User extends object> = PostgresConnection & {
  /** Returns the name of a user for the settings row and the audit table. */
  createdBy: (user: User) => string
  /**
   * Returns the tenant of a request. Do not take it from anything that a client can set.
   * @defaultValue a single tenant, `'default'`
   */
  tenant?: (request: FastifyRequest) => string
  /** The names of the tables; pass the same to {@link postgresMigration}. */
  tables?: PostgresTables
}

interface Statement { name: string, text: string }
/** `written` is null if the statement had no number yet. */
interface WriteRow { fence: unknown, written: boolean | null }
type Result = Promise<{ rows: unknown[] }>

// In microseconds. A row that was deleted and created again, or restored, does not repeat numbers.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'
const nextFence = `greatest(fence + 1, ${clock})`

/**
 * Creates a store on PostgreSQL. A read is one SQL statement, and a write is two, each atomic by
 * itself: it works on any number of nodes and through any pool. {@link postgresMigration} creates
 * its tables.
 */
export function postgresStore<User extends object = ScimUser> (options: PostgresStoreOptions<User>): ScimSettingsStore<User> {
  const { createdBy, tenant = () => 'default' } = options
  const { settings, audit } = quoteTables(options.tables)

  const replace = statement(`
    with settings as (
      update ${settings} set
        fence = ${nextFence},
        token_fence = greatest(token_fence, $2),
        token_hash = case when token_fence < $2 then $3 else token_hash end,
        token_created_at = case when token_fence < $2 then $4 else token_created_at end,
        token_created_by = case when token_fence < $2 then $5 else token_created_by end
      where tenant = $1
      returning tenant, fence, token_fence = $2 as written
    ), audited as (
      insert into ${audit} (tenant, token_hash, created_by)
      select tenant, $3, $5 from settings where written
    )
    select fence, written from settings`)

  const find = statement(`
    select token_hash as hash, token_created_at as "createdAt"
    from ${settings}
    where tenant = $1 and enabled and token_hash is not null`)

  const getSettings = statement(`
    select enabled, token_hash is not null as "hasToken"
    from ${settings}
    where tenant = $1`)

  const setEnabled = statement(`
    with settings as (
      update ${settings} set
        fence = ${nextFence},
        enabled_fence = greatest(enabled_fence, $2),
        enabled = case when enabled_fence < $2 then $3 else enabled end
      where tenant = $1
      returning tenant, fence, enabled_fence = $2 as written
    ), audited as (
      insert into ${audit} (tenant, enabled, created_by)
      select tenant, $3, $4 from settings where written
    )
    select fence, written from settings`)

  const createSettings = statement(`
    with settings as (
      insert into ${settings} (tenant, enabled, enabled_fence) values ($1, $2, ${clock})
      on conflict (tenant) do nothing
      returning tenant
    )
    insert into ${audit} (tenant, enabled, created_by)
    select tenant, $2, $3 from settings
    returning 1`)

  return {
    async replace (record, { request, user, signal }) {
      const [row, by] = [tenant(request), createdBy(user)]
      return await write(signal, (fence) => run(replace, [row, fence, record.hash, record.createdAt, by]))
    },

    async find ({ request }) {
      const { rows } = await run(find, [tenant(request)])
      if (rows.length === 0) return null
      // The host's driver may be configured to return timestamps as strings.
      const { hash, createdAt } = rows[0] as { hash: string, createdAt: Date | string }
      return { hash, createdAt: new Date(createdAt) }
    },

    async getSettings ({ request }) {
      const { rows } = await run(getSettings, [tenant(request)])
      return rows.length > 0 ? rows[0] as ScimSettings : { enabled: false, hasToken: false }
    },

    async setEnabled (enabled, { request, user, signal }) {
      const [row, by] = [tenant(request), createdBy(user)]
      await write(
        signal,
        (fence) => run(setEnabled, [row, fence, enabled, by]),
        () => run(createSettings, [row, enabled, by])
      )
    }
  }

  /**
   * Writes with a fencing token, a number that the first statement draws: a write takes effect only
   * if none with a greater number has. If it is overtaken, the same statement draws the next number.
   *
   * @returns `false` if there is no row and no `insert`
   */
  async function write (signal: AbortSignal, update: (fence: unknown) => Result, insert?: () => Result): Promise<boolean> {
    let fence: unknown = null
    while (true) {
      // Before each statement: if the first one was late, a write that was given up has drawn the
      // greatest number.
      signal.throwIfAborted()
      try {
        const { rows: [row] } = await update(fence) as { rows: WriteRow[] }
        if (row?.written === true) return true
        if (row === undefined) {
          if (insert === undefined) return false
          signal.throwIfAborted()
          const { rows } = await insert()
          if (rows.length > 0) return true
        } else {
          fence = row.fence
        }
      } catch (error) {
        if (!isRolledBack(error)) throw error
      }
    }
  }

  function run ({ name, text }: Statement, values: unknown[]): Result {
    return options.preparedStatements ? options.db.query({ name, text, values }) : options.db.query(text, values)
  }
}

// PostgreSQL limits a name to 63 bytes.
function statement (text: string): Statement {
  return { name: `fastify-scim-token-${hash('sha1', text)}`, text }
}

/** Whether the error is a serialization failure or a deadlock, after which nothing is stored. */
function isRolledBack (error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown }
  return code === '40001' || code === '40P01'
}

/**
 * Returns the SQL that creates the tables of {@link postgresStore}, or brings those of an earlier
 * version up to date. It is one statement, and may be run at every start, by several nodes at once.
 * Once the tables are up to date it needs no rights, so that any role can run it.
 *
 * It fails if a table of such a name is not one of this package. A tenant can have a token once it
 * has a row in the settings table.
 */
export function postgresMigration (tables?: PostgresTables): string {
  const { settings, audit } = quoteTables(tables)
  // Creating and altering need rights even if they do nothing, so the catalog is read first.
  const steps = [
    `if ${isMissing(settings)} then
      create table if not exists ${settings} (
        tenant text primary key,
        enabled boolean not null default false,
        token_hash text check (token_hash ~ '^[0-9a-f]{64}$'),
        token_created_at timestamptz,
        token_created_by text
      );
    end if;`,
    `if ${isMissing(audit)} then
      create table if not exists ${audit} (
        id bigint generated always as identity primary key,
        tenant text not null,
        token_hash text not null,
        created_at timestamptz not null default now(),
        created_by text not null
      );
    end if;`,
    requireColumns(settings, ['tenant', 'enabled', 'token_hash', 'token_created_at', 'token_created_by']),
    requireColumns(audit, ['tenant', 'id', 'token_hash', 'created_at', 'created_by']),
    `if ${isMissing(settings, 'fence')} then
      alter table ${settings}
        add column if not exists fence bigint not null default 0,
        add column if not exists token_fence bigint not null default 0,
        add column if not exists enabled_fence bigint not null default 0;
    end if;`,
    `if ${isMissing(audit, 'enabled')} then
      alter table ${audit}
        alter column token_hash drop not null,
        add column if not exists enabled boolean check (num_nonnulls(token_hash, enabled) = 1);
    end if;`
  ]
  return `
    do $migration$ begin
      -- "if not exists" alone fails if two nodes create the same table at once
      perform pg_advisory_xact_lock(hashtext('fastify-scim-token'));
      ${steps.join('\n')}
    end $migration$`
}

function isMissing (table: string, column?: string): string {
  return column === undefined
    ? `to_regclass(${literal(table)}) is null`
    : `not exists (select from pg_attribute where attrelid = to_regclass(${literal(table)}) and attname = ${literal(column)} and not attisdropped)`
}

function requireColumns (table: string, columns: string[]): string {
  // This function fails for a column that does not exist. Unlike a query of pg_attribute, it sees
  // a table that another node has just created, whatever the isolation level.
  return `begin
      perform has_column_privilege(${literal(table)}, name, 'select') from unnest(array[${columns.map(literal).join()}]) name;
    exception when undefined_column then
      raise exception using message = ${literal(`fastify-scim-token: the table ${table} exists and is not one of this package: `)} || sqlerrm,
        hint = 'Pass other names as "tables" to postgresStore and postgresMigration.';
    end;`
}

function literal (text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function quoteTables ({ settings = 'scim_settings', audit = 'scim_token_audit' }: PostgresTables = {}) {
  return { settings: quote(settings), audit: quote(audit) }
}

function quote (name: string): string {
  return name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}
