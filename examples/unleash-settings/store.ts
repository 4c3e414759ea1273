import type { ScimSettings, ScimSettingsStore, ScimUser } from 'fastify-scim-token'
import type { Queryable } from 'fastify-scim-token/stores/postgres'

/** Options of {@link unleashSettingsStore}. */
export interface UnleashSettingsStoreOptions<User extends object> {
  /** Unleash's database, with its table `settings` on the search path. It must be the primary. */
  db: Queryable
  /** Returns the name of a user, to be stored beside the token. */
  createdBy: (user: User) => string
}

/** The keys of the content of the row `scim`: the first is Unleash's, the others are ours. */
const enabledKey = 'enabled'
const tokenKey = 'fastifyScimToken'
const fencesKey = 'fastifyScimTokenFences'

const tokenHash = `content -> '${tokenKey}' ->> 'hash'`
// The text "true", or anything else that JavaScript takes for true, does not enable SCIM.
const isEnabled = `coalesce((content -> '${enabledKey}')::text = 'true', false)`

const find = `
  select ${tokenHash} as hash, content -> '${tokenKey}' ->> 'createdAt' as "createdAt"
  from settings
  where name = 'scim' and ${isEnabled} and ${tokenHash} is not null`

const getSettings = `
  select ${isEnabled} as enabled, ${tokenHash} is not null as "hasToken"
  from settings
  where name = 'scim'`

// In microseconds. If somebody writes the content without our keys, no number is repeated.
const clock = '(extract(epoch from clock_timestamp()) * 1000000)::bigint'

const replace = fencedUpdate('token', tokenKey, "json_build_object('hash', $2::text, 'createdAt', $3::text, 'createdBy', $4::text)")

const setEnabled = fencedUpdate('enabled', enabledKey, 'to_json($2::boolean)')

const createSettings = `
  insert into settings (name, content)
  values ('scim', json_build_object('${enabledKey}', $1::boolean, '${fencesKey}', json_build_object('enabled', ${clock})))
  on conflict (name) do nothing
  returning 1`

/** `written` is null if the statement had no number yet. */
interface WriteRow { fence: unknown, written: boolean | null }
type Result = Promise<{ rows: unknown[] }>

/**
 * Creates a store in the row `scim` of Unleash's own table `settings(name text primary key, content
 * json)`. A read is one SQL statement, and a write is two, each atomic by itself. A write waits for
 * the lock of the row and is computed from the content that it finds then, so concurrent writes do
 * not undo each other.
 */
export function unleashSettingsStore<User extends object = ScimUser> (
  { db, createdBy }: UnleashSettingsStoreOptions<User>
): ScimSettingsStore<User> {
  return {
    async replace (record, { user, signal }) {
      const by = createdBy(user)
      return await write(signal, (fence) => db.query(replace, [fence, record.hash, record.createdAt.toISOString(), by]))
    },

    async find () {
      const { rows } = await db.query(find, [])
      if (rows.length === 0) return null
      const { hash, createdAt } = rows[0] as { hash: string, createdAt: string }
      return { hash, createdAt: new Date(createdAt) }
    },

    async getSettings () {
      const { rows } = await db.query(getSettings, [])
      return rows.length > 0 ? rows[0] as ScimSettings : { enabled: false, hasToken: false }
    },

    async setEnabled (enabled, { signal }) {
      await write(
        signal,
        (fence) => db.query(setEnabled, [fence, enabled]),
        () => db.query(createSettings, [enabled])
      )
    }
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
      // A serialization failure or a deadlock, after which nothing is stored.
      const { code } = Object(error) as { code?: unknown }
      if (code !== '40001' && code !== '40P01') throw error
    }
  }
}

/**
 * Returns the SQL that draws the next number and, if none greater than `$1` has written this kind,
 * sets a key. The other keys keep their order, their duplicates and every digit of their numbers, as
 * jsonb would not. It fails if the content is not an object.
 */
function fencedUpdate (kind: 'token' | 'enabled', key: string, value: string): string {
  const last = (name: string) => `coalesce((content -> '${fencesKey}' ->> '${name}')::bigint, 0)`
  const stored = (name: string) => name === kind ? `greatest(${last(name)}, $1::bigint)` : last(name)
  const written = `coalesce(${last(kind)} < $1, false)`
  return `
    update settings
    set content = (
      select json_object_agg(key, value order by place)
      from (
        select '${key}' as key, ${value} as value, -1 as place where ${written}
        union all
        select '${fencesKey}', json_build_object(
          'drawn', greatest(${last('drawn')} + 1, ${clock}), 'token', ${stored('token')}, 'enabled', ${stored('enabled')}
        ), 0
        union all
        select key, value, place
        from json_each(case coalesce(json_typeof(content), 'null') when 'null' then '{}' else content end)
          with ordinality as kept (key, value, place)
        where key <> '${fencesKey}' and not (key = '${key}' and ${written})
      ) as merged
    )
    where name = 'scim'
    returning (content -> '${fencesKey}' ->> 'drawn')::bigint as fence, ${last(kind)} = $1 as written`
}
