import type { ScimSettings, ScimSettingsStore, ScimUser } from 'fastify-scim-token'
import type { Queryable } from 'fastify-scim-token/stores/postgres'

/** What {@link unleashSettingsStore} needs to know of its host. */
export interface UnleashSettingsStoreOptions<User extends object> {
  /** Unleash's database, with its table `settings` on the search path. */
  db: Queryable
  /** Names a user beside the token that they generated. */
  createdBy: (user: User) => string
}

/** The keys inside the content of the row `scim`: the first is Unleash's, the second ours. */
const enabledKey = 'enabled'
const tokenKey = 'fastifyScimToken'

const tokenHash = `content -> '${tokenKey}' ->> 'hash'`
// The text "true", or anything else that is true to JavaScript, lets nobody in.
const isEnabled = `coalesce((content -> '${enabledKey}')::text = 'true', false)`

const find = `
  select ${tokenHash} as hash, content -> '${tokenKey}' ->> 'createdAt' as "createdAt"
  from settings
  where name = 'scim' and ${isEnabled} and ${tokenHash} is not null`

const getSettings = `
  select ${isEnabled} as enabled, ${tokenHash} is not null as "hasToken"
  from settings
  where name = 'scim'`

const replace = `
  update settings
  set content = ${contentWith(tokenKey, "json_build_object('hash', $1::text, 'createdAt', $2::text, 'createdBy', $3::text)")}
  where name = 'scim'
  returning name`

const setEnabled = `
  insert into settings (name, content)
  values ('scim', json_build_object('${enabledKey}', $1::boolean))
  on conflict (name) do update
  set content = ${contentWith(enabledKey, 'to_json($1::boolean)')}`

/**
 * Makes a store in the row `scim` of Unleash's own table `settings(name text primary key, content
 * json)`. Every call is one SQL statement. A write waits for the lock of the row and is computed
 * from the content that it finds then, so concurrent writes lose nothing of each other.
 */
export function unleashSettingsStore<User extends object = ScimUser> (
  { db, createdBy }: UnleashSettingsStoreOptions<User>
): ScimSettingsStore<User> {
  return {
    async replace (record, { user }) {
      const { rows } = await db.query(replace, [record.hash, record.createdAt.toISOString(), createdBy(user)])
      return rows.length > 0
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

    async setEnabled (enabled) {
      await db.query(setEnabled, [enabled])
    }
  }
}

/**
 * Answers the SQL for the content with one key set. The others keep their order, their duplicates
 * and every digit of their numbers, as jsonb would not. Content that is no object is an error.
 */
function contentWith (key: string, value: string): string {
  return `(
    select json_object_agg(key, value order by place)
    from (
      select '${key}' as key, ${value} as value, 0 as place
      union all
      select key, value, place
      from json_each(case coalesce(json_typeof(settings.content), 'null') when 'null' then '{}' else settings.content end)
        with ordinality as kept (key, value, place)
      where key <> '${key}'
    ) as merged
  )`
}
