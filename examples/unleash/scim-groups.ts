import { isDeepStrictEqual } from 'node:util'
import { badRequest, conflict } from '../scim/errors.ts'
import type { Queryable } from '../scim/postgres-pool.ts'
import type { Equalities, GroupAttributes, GroupMember, Range, ResourceReader, ResourceWriter, StoredResource } from '../scim/storage.ts'
import { logEvent } from './events.ts'

type Group = StoredResource<GroupAttributes>

interface Row {
  id: string
  name: string
  members: { value: string }[]
  attributes: GroupAttributes
  created: number
  last_modified: number
}

const select = `
  select scim_id as id, name, coalesce(attributes, '{}') as attributes,
    (extract(epoch from coalesce(scim_attributes.created, groups.created_at)) * 1000)::float8 as created,
    (extract(epoch from coalesce(last_modified, groups.created_at)) * 1000)::float8 as last_modified,
    array(
      select json_build_object('value', users.scim_id)
      from group_user join users on users.id = group_user.user_id
      where group_user.group_id = groups.id and users.scim_id is not null
      order by group_user.created_at, users.id
    ) as members
  from groups left join scim_attributes on scim_attributes.group_id = groups.id
  where scim_id is not null`

/** Reads the groups that the identity provider manages. */
export function groupReader (db: Queryable): ResourceReader<GroupAttributes> {
  return {
    async find (id) {
      const [group] = await query(`${select} and scim_id = $1`, [id])
      return group ?? null
    },

    async page ({ offset, limit }: Range) {
      const resources = await query(`${select} order by groups.id offset $1 limit $2`, [offset, limit])
      const { rows: [counted] } = await db.query<{ total: number }>('select count(*)::integer as total from groups where scim_id is not null')
      return { resources, total: counted?.total ?? 0 }
    },

    async search (equalities: Equalities) {
      const [id, displayName, externalId, member] = ['id', 'displayName', 'externalId', 'members.value'].map((name) => equalities.get(name))
      return await query(`${select}
        and ($1::text is null or scim_id = $1)
        and ($2::text is null or group_key = $2)
        and ($3::text is null or attributes ->> 'externalId' = $3)
        and ($4::text is null or exists (
          select from group_user join users on users.id = group_user.user_id where group_user.group_id = groups.id and lower(users.scim_id) = lower($4)
        ))
        order by groups.id`, [id, displayName?.toLowerCase(), externalId, member])
    }
  }

  async function query (statement: string, values: unknown[]): Promise<Group[]> {
    return (await db.query<Row>(statement, values)).rows.map(toResource)
  }
}

function toResource ({ id, name, members, attributes, created, last_modified: lastModified }: Row): Group {
  return {
    id,
    created: new Date(created),
    lastModified: new Date(lastModified),
    attributes: { ...attributes, displayName: name, ...(members.length > 0 && { members }) }
  }
}

/** Writes groups to Unleash's tables, each change with an event. */
export function groupWriter (db: Queryable, rootRoles: ReadonlyMap<string, string>): ResourceWriter<GroupAttributes> {
  const reader = groupReader(db)

  async function findStored (id: string): Promise<Group> {
    const group = await reader.find(id)
    if (group === null) throw new Error('The group was not stored.')
    return group
  }

  return {
    async find (id) {
      await db.query('select from groups where scim_id = $1 for update', [id])
      return await reader.find(id)
    },

    async create ({ displayName, ...attributes }) {
      const { rows: sameName } = await db.query('select from groups where lower(name) = lower($1)', [displayName])
      if (sameName.length > 0) throw conflict('There is a group with this displayName.')
      const { rows: [group] } = await db.query<{ id: number, scimId: string }>(`
        insert into groups (name, created_by, scim_id) values ($1, 'scim', gen_random_uuid())
        returning id, scim_id as "scimId"`, [displayName])
      if (group === undefined) throw new Error('The group was not stored.')
      await storeAttributes(db, group.id, { displayName, ...attributes })
      await storeMembers(db, group.id, attributes.members)
      await setRootRole(db, group.id, rootRoles.get(displayName))
      await logEvent(db, 'group-created', { after: await eventData(db, group.id) })
      return await findStored(group.scimId)
    },

    async update (current, attributes) {
      if (isDeepStrictEqual(comparable(attributes), comparable(current.attributes))) return current
      const groupId = await groupIdOf(db, current.id)
      const { displayName } = attributes
      const { rows: sameName } = await db.query('select from groups where lower(name) = lower($1) and id <> $2', [displayName, groupId])
      if (sameName.length > 0) throw conflict('There is another group with this displayName.')
      const before = await eventData(db, groupId)
      await db.query('update groups set name = $2 where id = $1', [groupId, displayName])
      await storeAttributes(db, groupId, attributes)
      await storeMembers(db, groupId, attributes.members)
      await setRootRole(db, groupId, rootRoles.get(displayName))
      await logEvent(db, 'group-updated', { before, after: await eventData(db, groupId) })
      return await findStored(current.id)
    },

    async remove (current) {
      const groupId = await groupIdOf(db, current.id)
      const before = await eventData(db, groupId)
      await db.query('delete from groups where id = $1', [groupId])
      await logEvent(db, 'group-deleted', { before })
    }
  }
}

/** The order of members, and what else a provider says of them, is not stored. */
function comparable ({ members = [], ...attributes }: GroupAttributes): object {
  return { ...attributes, members: members.map(({ value }) => value).sort() }
}

async function storeAttributes (db: Queryable, groupId: number, { members, displayName, ...attributes }: GroupAttributes): Promise<void> {
  await db.query(`
    insert into scim_attributes (group_id, group_key, attributes) values ($1, $2, $3)
    on conflict (group_id) do update set group_key = excluded.group_key, attributes = excluded.attributes, last_modified = now()`,
  [groupId, displayName.toLowerCase(), JSON.stringify(attributes)])
}

/** Users whom the provider does not manage stay in the group. */
async function storeMembers (db: Queryable, groupId: number, members: readonly GroupMember[] = []): Promise<void> {
  const ids = new Set(members.map(({ value }) => value))
  const { rows: users } = await db.query<{ id: number }>(`
    select users.id from unnest($1::text[]) with ordinality as members (id, place) join users on users.scim_id = members.id
    order by place`, [[...ids]])
  if (users.length !== ids.size || members.some(({ type = 'User' }) => type.toLowerCase() !== 'user')) {
    throw badRequest('invalidValue', 'Each member of a group must be the id of a user that exists.')
  }
  const userIds = users.map(({ id }) => id)
  await db.query(`
    delete from group_user
    where group_id = $1 and user_id <> all ($2) and user_id in (select id from users where scim_id is not null)`, [groupId, userIds])
  // Their times are in the order of the request.
  await db.query(`
    insert into group_user (group_id, user_id, created_by, created_at)
    select $1, id, 'scim', now() + place * interval '1 microsecond' from unnest($2::integer[]) with ordinality as added (id, place)
    on conflict do nothing`, [groupId, userIds])
}

async function setRootRole (db: Queryable, groupId: number, role: string | undefined): Promise<void> {
  await db.query("update groups set root_role_id = (select id from roles where type = 'root' and name = $2) where id = $1", [groupId, role])
}

async function groupIdOf (db: Queryable, id: string): Promise<number> {
  const { rows: [row] } = await db.query<{ id: number }>('select id from groups where scim_id = $1', [id])
  if (row === undefined) throw new Error('The group is not locked.')
  return row.id
}

/** Returns what events of Unleash say of a group. */
async function eventData (db: Queryable, groupId: number): Promise<object> {
  const { rows: [group] } = await db.query<object>(`
    select id, name, root_role_id as "rootRole", array(select user_id from group_user where group_id = groups.id order by user_id) as users
    from groups where id = $1`, [groupId])
  if (group === undefined) throw new Error('The group is not locked.')
  return group
}
