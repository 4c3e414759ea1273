import { isDeepStrictEqual } from 'node:util'
import { conflict } from '../scim/errors.ts'
import type { Queryable } from '../scim/postgres-pool.ts'
import type { Equalities, Range, ResourceReader, ResourceWriter, StoredResource, UserAttributes } from '../scim/storage.ts'
import { logEvent } from './events.ts'

type User = StoredResource<UserAttributes>

interface Row {
  user_id: number
  id: string
  /** What the user logs in with. */
  login: string
  active: boolean
  attributes: UserAttributes
  created: number
  last_modified: number
}

// Text of dates depends on settings of the database, numbers do not.
const select = `
  select users.id as user_id, scim_id as id, coalesce(email, username, scim_id) as login, deleted_at is null as active,
    coalesce(attributes, '{}') as attributes,
    (extract(epoch from coalesce(scim_attributes.created, users.created_at at time zone 'utc')) * 1000)::float8 as created,
    (extract(epoch from coalesce(last_modified, users.created_at at time zone 'utc')) * 1000)::float8 as last_modified
  from users left join scim_attributes on scim_attributes.user_id = users.id
  where scim_id is not null`

/** Reads the users that the identity provider manages. A user who is not active has `deleted_at`, and still a `scim_id`. */
export function userReader (db: Queryable): ResourceReader<UserAttributes> {
  return {
    async find (id) {
      const [user] = await query(`${select} and scim_id = $1`, [id])
      return user ?? null
    },

    async page ({ offset, limit }: Range) {
      const resources = await query(`${select} order by users.id offset $1 limit $2`, [offset, limit])
      const { rows: [counted] } = await db.query<{ total: number }>('select count(*)::integer as total from users where scim_id is not null')
      return { resources, total: counted?.total ?? 0 }
    },

    async search (equalities: Equalities) {
      const [id, userName, externalId] = ['id', 'userName', 'externalId'].map((name) => equalities.get(name))
      return await query(`${select}
        and ($1::text is null or scim_id = $1)
        and ($2::text is null or email = $2 or username = $2)
        and ($3::text is null or attributes ->> 'externalId' = $3)
        order by users.id`, [id, userName?.toLowerCase(), externalId])
    }
  }

  async function query (statement: string, values: unknown[]): Promise<User[]> {
    return (await db.query<Row>(statement, values)).rows.map(toResource)
  }
}

function toResource ({ id, login, active, attributes, created, last_modified: lastModified }: Row): User {
  // As the provider wrote it, unless it was changed in Unleash since.
  const userName = attributes.userName?.toLowerCase() === login ? attributes.userName : login
  return { id, created: new Date(created), lastModified: new Date(lastModified), attributes: { ...attributes, userName, active } }
}

/** Writes users to Unleash's tables, each change with an event. */
export function userWriter (db: Queryable, defaultRole: string): ResourceWriter<UserAttributes> {
  const reader = userReader(db)

  async function find (id: string): Promise<User | null> {
    await db.query('select from users where scim_id = $1 for update', [id])
    return await reader.find(id)
  }

  async function findStored (id: string): Promise<User> {
    const user = await reader.find(id)
    if (user === null) throw new Error('The user was not stored.')
    return user
  }

  return {
    find,

    async create (attributes) {
      const existing = await findAdoptable(db, attributes.userName)
      const { userId, id } = existing === null ? await insert(db, attributes, defaultRole) : await adopt(db, existing, attributes)
      await storeAttributes(db, userId, attributes)
      const user = await findStored(id)
      await logEvent(db, existing === null ? 'user-created' : 'user-updated', {
        ...(existing !== null && { before: existing }),
        after: await eventData(db, userId)
      })
      return user
    },

    async update (current, changed) {
      // Without "active" a user stays as it is: a leaver must not come back by an update that does not say so.
      const attributes = { ...changed, active: changed.active ?? current.attributes.active ?? true }
      if (isDeepStrictEqual(attributes, current.attributes)) return current
      const userId = await userIdOf(db, current.id)
      const before = await eventData(db, userId)
      const { email, username } = toLogin(attributes.userName)
      await requireFree(db, attributes.userName, userId)
      await db.query(`
        update users
        set name = $2, email = $3::text,
          -- The user name of a user who had an address is not the provider's.
          username = case when $3::text is null then $4::text when email is null then null else username end,
          email_hash = encode(sha256(convert_to($3::text, 'UTF8')), 'hex'),
          deleted_at = case when $5::boolean then null else coalesce(deleted_at, now()) end
        where id = $1`, [userId, toName(attributes), email, username, attributes.active])
      await storeAttributes(db, userId, attributes)
      await logEvent(db, 'user-updated', { before, after: await eventData(db, userId) })
      return await findStored(current.id)
    },

    // As Unleash itself removes a user.
    async remove (current) {
      const userId = await userIdOf(db, current.id)
      const before = await eventData(db, userId)
      await db.query(`
        update users
        set deleted_at = coalesce(deleted_at, now()), email = null, username = null, scim_id = null, scim_external_id = null, name = left(name, 246) || '(Deleted)'
        where id = $1`, [userId])
      for (const table of ['role_user', 'group_user', 'public_signup_tokens_user']) {
        await db.query(`delete from ${table} where user_id = $1`, [userId])
      }
      await logEvent(db, 'user-deleted', { before })
    }
  }
}

interface Account {
  userId: number
  id: string
}

/** Returns the data of the account that a new user of the provider takes over, or `null` if there is none. */
async function findAdoptable (db: Queryable, userName: string): Promise<{ id: number } | null> {
  const { rows } = await db.query<{ id: number, adoptable: boolean }>(`
    select id, scim_id is null and deleted_at is null and not coalesce(is_service, false) and not is_system and not exists (
      select from role_permission where permission = 'ADMIN' and role_id in (
        select role_id from role_user where user_id = users.id
        union all
        select root_role_id from group_user join groups on groups.id = group_id where user_id = users.id
      )
    ) as adoptable
    from users
    where $1 in (email, username, lower(email), lower(username))
    for update`, [userName.toLowerCase()])
  const [account] = rows
  if (account === undefined) return null
  if (rows.length > 1 || !account.adoptable) {
    throw conflict('There is a user with this userName, and it cannot be taken over: it is provisioned already, or an Admin or a service account.')
  }
  return await eventData(db, account.id)
}

async function requireFree (db: Queryable, userName: string, userId: number): Promise<void> {
  const { rows } = await db.query('select from users where $1 in (email, username, lower(email), lower(username)) and id <> $2', [userName.toLowerCase(), userId])
  if (rows.length > 0) throw conflict('There is another user with this userName.')
}

async function insert (db: Queryable, attributes: UserAttributes, defaultRole: string): Promise<Account> {
  const { email, username } = toLogin(attributes.userName)
  const { rows: [user] } = await db.query<Account>(`
    insert into users (name, email, username, email_hash, scim_id, created_at, deleted_at)
    values ($1, $2::text, $3::text, encode(sha256(convert_to($2::text, 'UTF8')), 'hex'), gen_random_uuid(), now() at time zone 'utc', case when $4::boolean then null else now() end)
    returning id as "userId", scim_id as id`, [toName(attributes), email, username, attributes.active ?? true])
  if (user === undefined) throw new Error('The user was not stored.')
  await db.query(`
    insert into role_user (role_id, user_id, project)
    select id, $1, 'default' from roles where type = 'root' and name = $2`, [user.userId, defaultRole])
  return user
}

/** Keeps the account's id, address and roles. */
async function adopt (db: Queryable, { id }: { id: number }, attributes: UserAttributes): Promise<Account> {
  const { rows: [user] } = await db.query<Account>(`
    update users set name = $2, scim_id = gen_random_uuid(), deleted_at = case when $3::boolean then null else now() end
    where id = $1
    returning id as "userId", scim_id as id`, [id, toName(attributes), attributes.active ?? true])
  if (user === undefined) throw new Error('The user was not stored.')
  return user
}

async function storeAttributes (db: Queryable, userId: number, { active, ...attributes }: UserAttributes): Promise<void> {
  await db.query(`
    insert into scim_attributes (user_id, attributes) values ($1, $2)
    on conflict (user_id) do update set attributes = excluded.attributes, last_modified = now()`, [userId, JSON.stringify(attributes)])
}

async function userIdOf (db: Queryable, id: string): Promise<number> {
  const { rows: [row] } = await db.query<{ id: number }>('select id from users where scim_id = $1', [id])
  if (row === undefined) throw new Error('The user is not locked.')
  return row.id
}

/** Returns what events of Unleash say of a user, and whether it is active. */
async function eventData (db: Queryable, userId: number): Promise<{ id: number }> {
  const { rows: [user] } = await db.query<{ id: number }>('select id, name, username, email, deleted_at is null as active from users where id = $1', [userId])
  if (user === undefined) throw new Error('The user is not locked.')
  return user
}

/** Unleash logs a user in by an e-mail address, which it stores in lower case, or else by a user name. */
function toLogin (userName: string): { email: string | null, username: string | null } {
  const login = userName.toLowerCase()
  return /^[^\s@]+@[^\s@]+$/.test(login) ? { email: login, username: null } : { email: null, username: login }
}

/** Unleash has one name for each user. */
function toName ({ name = {}, displayName, userName }: UserAttributes): string {
  const { givenName, familyName, formatted } = name
  const both = [givenName, familyName].filter(Boolean).join(' ')
  return both || displayName || formatted || userName
}
