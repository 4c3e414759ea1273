import { hash } from 'node:crypto'
import type { ScimSettings, ScimSettingsStore, ScimUser } from '../contracts.ts'
import { resolvePostgresOptions, type PostgresStoreOptions } from './postgres-options.ts'

export { postgresMigration } from './postgres-migration.ts'
export type { NamedQueryable, PostgresConnection, PostgresStoreOptions, PostgresTables, Queryable } from './postgres-options.ts'

interface Statement { name: string, text: string }
type Result = Promise<{ rows: unknown[] }>

// In microseconds, so that a row that was deleted and created again, or restored, repeats no number.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'

/**
 * Creates a store on PostgreSQL. A read is one SQL statement, and a write is two or more, each atomic
 * by itself: it works on any number of nodes and through any pool. {@link postgresMigration} creates
 * its tables.
 *
 * @throws Error that names the first unknown or invalid option and says what it must be
 */
export function postgresStore<User extends object = ScimUser> (options: PostgresStoreOptions<User>): ScimSettingsStore<User> {
  const { createdBy, tenant, tables: { settings, audit } } = resolvePostgresOptions(options)

  const drawFence = statement(`
    update ${settings}
    set fence = greatest(fence + 1, token_fence + 1, enabled_fence + 1, ${clock})
    where tenant = $1
    returning fence`)

  const replace = statement(`
    with replaced as (
      update ${settings}
      set token_fence = $2, token_hash = $3, token_created_at = $4, token_created_by = $5
      where tenant = $1 and token_fence < $2
      returning tenant
    ), audited as (
      insert into ${audit} (tenant, token_hash, created_by)
      select tenant, $3, $5 from replaced
    )
    select 1 from replaced`)

  const find = statement(`
    select token_hash as hash, token_created_at as "createdAt"
    from ${settings}
    where tenant = $1 and enabled and token_hash is not null`)

  const getSettings = statement(`
    select enabled, token_hash is not null as "hasToken"
    from ${settings}
    where tenant = $1`)

  const setEnabled = statement(`
    with switched as (
      update ${settings}
      set enabled_fence = $2, enabled = $3
      where tenant = $1 and enabled_fence < $2
      returning tenant
    ), audited as (
      insert into ${audit} (tenant, enabled, created_by)
      select tenant, $3, $4 from switched
    )
    select 1 from switched`)

  const createSettings = statement(`
    with created as (
      insert into ${settings} (tenant, enabled, enabled_fence) values ($1, $2, ${clock})
      on conflict (tenant) do nothing
      returning tenant
    ), audited as (
      insert into ${audit} (tenant, enabled, created_by)
      select tenant, $2, $3 from created
    )
    select 1 from created`)

  return {
    async replace (record, { request, user, signal }) {
      const [tenantName, userName] = [tenant(request), createdBy(user)]
      return await write(tenantName, signal, (fence) => run(replace, [tenantName, fence, record.hash, record.createdAt, userName]))
    },

    async find ({ request }) {
      const { rows } = await run(find, [tenant(request)])
      if (rows.length === 0) return null
      // The host's driver may be configured to return timestamps as strings.
      const record = rows[0] as { hash: string, createdAt: Date | string }
      return { hash: record.hash, createdAt: new Date(record.createdAt) }
    },

    async getSettings ({ request }) {
      const { rows } = await run(getSettings, [tenant(request)])
      return rows.length > 0 ? rows[0] as ScimSettings : { enabled: false, hasToken: false }
    },

    async setEnabled (enabled, { request, user, signal }) {
      const [tenantName, userName] = [tenant(request), createdBy(user)]
      await write(
        tenantName,
        signal,
        (fence) => run(setEnabled, [tenantName, fence, enabled, userName]),
        () => run(createSettings, [tenantName, enabled, userName])
      )
    }
  }

  /**
   * Writes with a fencing token: a write has no effect if one with a greater number has been stored.
   * It then draws the next number and tries again.
   *
   * @param create writes the settings row if it does not exist
   * @returns `false` if the settings row does not exist and `create` is not passed
   */
  async function write (
    tenantName: string,
    signal: AbortSignal,
    update: (fence: unknown) => Result,
    create?: () => Result
  ): Promise<boolean> {
    while (true) {
      try {
        signal.throwIfAborted()
        const { rows: [drawn] } = await run(drawFence, [tenantName]) as { rows: { fence: unknown }[] }
        const writeRow = drawn === undefined ? create : () => update(drawn.fence)
        if (writeRow === undefined) return false
        // A number that was drawn after the write was given up may be greater than those stored since.
        signal.throwIfAborted()
        const { rows } = await writeRow()
        if (rows.length > 0) return true
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
