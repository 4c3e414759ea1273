import { hash } from 'node:crypto'
import { kindOf } from '../check-options.ts'
import type { ScimSettingsStore, ScimUser, ScimWriteContext } from '../contracts.ts'
import { read } from '../thrown.ts'
import { fencedWrite, type Fence } from './fenced-write.ts'
import { resolvePostgresOptions, type PostgresStoreOptions } from './postgres-options.ts'

export { postgresMigration } from './postgres-migration.ts'
export type { PostgresMigrationOptions } from './postgres-migration.ts'
export type { NamedQueryable, PostgresConnection, PostgresStoreOptions, PostgresTables, Queryable } from './postgres-options.ts'

/** A statement and its columns: lower-case names, because drivers may rename others, and text, because drivers may parse other types. */
interface Statement<Column extends string> { name: string, text: string, columns: readonly Column[] }

// In microseconds, so that a row that was deleted and created again, or restored, repeats no number.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'
const nextFence = `greatest(settings.fence + 1, settings.written + 1, ${clock})`
const mostDuplicates = 10

/**
 * Creates a store on PostgreSQL. A read is one SQL statement; a write is two or more, each atomic. It works
 * on any number of nodes and through any pooler. {@link postgresMigration} creates its tables.
 *
 * @throws an error that names the first unknown or invalid option and says what it must be
 */
export function postgresStore<User extends object = ScimUser> (options: PostgresStoreOptions<User>): ScimSettingsStore<User> {
  const { createdBy, tenant, tables: { settings, audit } } = resolvePostgresOptions(options)
  const { db, preparedStatements } = options

  const draw = statement(['fence'], `
    update ${settings} as settings set fence = ${nextFence}
    where tenant = $1
    returning fence::text as fence`)

  // A missing row is created disabled, as this statement may be executed late.
  const createAndDraw = statement(['fence'], `
    insert into ${settings} as settings (tenant, fence) values ($1, ${clock})
    on conflict (tenant) do update set fence = ${nextFence}
    returning fence::text as fence`)

  const replace = fencedStatement('token_created_by = $3, token_hash = $4, token_created_at = to_timestamp($5::bigint / 1000.0)', 'token_hash')
  const setEnabled = fencedStatement('enabled = $4', 'enabled')

  const find = statement(['hash', 'created'], `
    select token_hash as hash, (extract(epoch from token_created_at) * 1000)::bigint::text as created
    from ${settings}
    where tenant = $1 and enabled and token_hash is not null`)

  const getSettings = statement(['enabled', 'token'], `
    select enabled::text as enabled, (token_hash is not null)::text as token
    from ${settings}
    where tenant = $1`)

  return {
    async replace ({ hash, createdAt }, context) {
      return await write(context, draw, replace, [hash, createdAt.getTime()])
    },

    async find ({ request }) {
      const [row] = await run(find, [tenant(request)])
      return row === undefined ? null : { hash: row.hash as string, createdAt: new Date(Number.parseInt(String(row.created))) }
    },

    async getSettings ({ request }) {
      const [row] = await run(getSettings, [tenant(request)])
      return row === undefined ? { enabled: false, hasToken: false } : { enabled: String(row.enabled) === 'true', hasToken: String(row.token) === 'true' }
    },

    async setEnabled (enabled, context) {
      const isWritten = await write(context, createAndDraw, setEnabled, [enabled])
      if (!isWritten) throw new Error(`postgresStore: the database has not stored the row in ${settings}; does a trigger or a rule drop it?`)
    }
  }

  /** Returns the second statement of a write: $1 is the tenant, $2 the fence, $3 the name of the user, $4 the value of `auditColumn`. */
  function fencedStatement (changes: string, auditColumn: string): Statement<never> {
    // The number of the write identifies its audit row: unlike a sequence, it is never behind the rows.
    return statement([], `
      with changed as (
        update ${settings}
        set written = $2, ${changes}
        where tenant = $1 and written < $2 and fence >= $2
        returning written
      ), audited as (
        insert into ${audit} (tenant, id, created_by, ${auditColumn})
        select $1, written, $3, $4 from changed
      )
      select 1 as written from changed`)
  }

  /** @returns `false` if there is no settings row */
  async function write ({ request, user, signal }: ScimWriteContext<User>, drawStatement: Statement<'fence'>, writeStatement: Statement<never>, values: unknown[]): Promise<boolean> {
    const [tenantName, userName] = [tenant(request), createdBy(user, request)]
    let duplicates = 0
    return await fencedWrite({
      signal,
      // The audit may have the numbers of a restored row. A duplicate that stays is of something else, such as a trigger.
      isRolledBack: (error) => isTransient(error) || (sqlState(error) === '23505' && ++duplicates <= mostDuplicates),
      async draw () {
        const [row] = await run(drawStatement, [tenantName])
        return row?.fence as Fence | undefined
      },
      async write (fence) {
        const rows = await run(writeStatement, [tenantName, fence, userName, ...values])
        return rows.length > 0
      }
    })
  }

  async function run<Column extends string> ({ name, text, columns }: Statement<Column>, values: unknown[]): Promise<Record<Column, unknown>[]> {
    const result: unknown = await Promise.resolve(preparedStatements ? db.query({ name, text, values }) : db.query(text, values)).catch((error) => {
      if (['42P01', '42703'].includes(sqlState(error))) throw new Error('postgresStore: a table or column is missing; run the SQL of postgresMigration() with the same "tables".', { cause: error })
      throw error
    })
    const rows = read(result, 'rows')
    if (!Array.isArray(rows)) {
      throw new TypeError(`postgresStore: db.query must resolve to { rows }, got ${rows === undefined ? kindOf(result) : `{ rows } with ${kindOf(rows)}`}.`)
    }
    const missing = rows.length > 0 ? columns.find((column) => read(rows[0], column) === undefined) : undefined
    if (missing !== undefined) {
      throw new TypeError(`postgresStore: db.query must resolve to { rows }, each an object with the columns ${columns.join(' and ')}, got ${kindOf(rows[0])} without ${missing}.`)
    }
    return rows
  }
}

function statement<Column extends string> (columns: readonly Column[], text: string): Statement<Column> {
  // PostgreSQL limits a name to 63 bytes.
  return { name: `fastify-scim-token-${hash('sha1', text)}`, text, columns }
}

/** Whether the error is a serialization failure or a deadlock: nothing was stored. */
function isTransient (error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlState(error))
}

function sqlState (error: unknown): string {
  return String(read(error, 'code'))
}
