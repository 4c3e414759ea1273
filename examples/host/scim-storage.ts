import { createHash } from 'node:crypto'
import { toStorageError } from '../scim/postgres-errors.ts'
import type { Database, Queryable } from '../scim/postgres-pool.ts'
import type { Equalities, GroupAttributes, ResourceReader, ResourceWriter, ScimAttributes, ScimStorage, StoredResource, UserAttributes } from '../scim/storage.ts'

/** The tables, and the columns with the keys of the attributes that are found by an index. */
const tables = {
  scim_users: { userName: 'user_name', displayName: 'display_name', externalId: 'external_id' },
  scim_groups: { displayName: 'display_name', externalId: 'external_id' }
} as const

type TableName = keyof typeof tables
type Row = { id: string, resource: ScimAttributes, created: Date, last_modified: Date }

/**
 * The SQL that creates the tables. User names are unique by RFC 7643, section 4.1.1; group names are
 * for Entra ID, which finds a group by its name (learn.microsoft.com: develop a SCIM endpoint).
 */
export const scimTables = `
  create table if not exists scim_users (
    id text primary key default gen_random_uuid(),
    resource jsonb not null,
    user_name text not null,
    display_name text,
    external_id text,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now()
  );
  create unique index if not exists scim_users_user_name on scim_users (user_name);
  create index if not exists scim_users_display_name on scim_users (display_name);
  create index if not exists scim_users_external_id on scim_users (external_id);
  create index if not exists scim_users_created on scim_users (created, id);
  create table if not exists scim_groups (
    id text primary key default gen_random_uuid(),
    resource jsonb not null,
    display_name text not null,
    external_id text,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now()
  );
  create unique index if not exists scim_groups_display_name on scim_groups (display_name);
  create index if not exists scim_groups_external_id on scim_groups (external_id);
  create index if not exists scim_groups_created on scim_groups (created, id)`

/** Creates a storage in the tables of {@link scimTables}. */
export function postgresStorage (db: Database): ScimStorage {
  return {
    users: createReader<UserAttributes>(db, 'scim_users'),
    groups: createReader<GroupAttributes>(db, 'scim_groups'),
    transaction: (work) => db.transaction((transaction) => work({
      users: createWriter<UserAttributes>(transaction, 'scim_users'),
      groups: createWriter<GroupAttributes>(transaction, 'scim_groups')
    })).catch(rejectWithStorageError)
  }
}

function createReader<Attributes extends ScimAttributes> (db: Queryable, table: TableName): ResourceReader<Attributes> {
  const columns: Readonly<Record<string, string>> = tables[table]
  return {
    async find (id) {
      const [found] = await query<Attributes>(db, `select * from ${table} where id = $1`, [id])
      return found ?? null
    },

    async page ({ offset, limit }) {
      const resources = await query<Attributes>(db, `select * from ${table} order by created, id limit $1 offset $2`, [limit, offset])
      const { rows: [counted] } = await db.query<{ total: number }>(`select count(*)::int as total from ${table}`).catch(rejectWithStorageError)
      return { resources, total: counted?.total ?? 0 }
    },

    async search (equalities: Equalities) {
      const indexed = [...equalities].filter(([name]) => name === 'id' || Object.hasOwn(columns, name))
      const conditions = indexed.map(([name], i) => `${name === 'id' ? name : columns[name]} = $${i + 1}`)
      const where = conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''
      return await query(db, `select * from ${table} ${where} order by created, id`, indexed.map(([name, value]) => name === 'id' ? value : keyOf(name, value)))
    }
  }
}

function createWriter<Attributes extends ScimAttributes> (db: Queryable, table: TableName): ResourceWriter<Attributes> {
  const [names, columns] = [Object.keys(tables[table]), Object.values(tables[table])]
  const valuesOf = (attributes: ScimAttributes) => [JSON.stringify(attributes), ...names.map((name) => keyOf(name, attributes[name]))]

  return {
    async find (id) {
      const [found] = await query<Attributes>(db, `select * from ${table} where id = $1 for update`, [id])
      return found ?? null
    },

    async create (attributes) {
      const parameters = columns.map((_column, i) => `$${i + 2}`)
      return await queryOne(db, `insert into ${table} (resource, ${columns.join(', ')}) values ($1, ${parameters.join(', ')}) returning *`, valuesOf(attributes))
    },

    async update ({ id }, attributes) {
      const keys = columns.map((column, i) => `${column} = $${i + 2}`)
      return await queryOne(db, `update ${table} set resource = $1, ${keys.join(', ')}, last_modified = now() where id = $${columns.length + 2} returning *`, [...valuesOf(attributes), id])
    },

    async remove ({ id }) {
      await queryOne(db, `delete from ${table} where id = $1 returning *`, [id])
      const isMember = "resource->'members' @> jsonb_build_array(jsonb_build_object('value', $1::text))"
      // Locked in the same order by each transaction, to avoid deadlocks.
      await db.query(`select from scim_groups where ${isMember} order by id for update`, [id])
      await db.query(`
        update scim_groups
        set last_modified = now(), resource = (resource - 'members') || coalesce((
          select jsonb_build_object('members', jsonb_agg(member order by place))
          from jsonb_array_elements(resource->'members') with ordinality as members (member, place)
          where member->>'value' is distinct from $1
          having count(*) > 0
        ), '{}')
        where ${isMember}`, [id])
    }
  }
}

async function query<Attributes extends ScimAttributes> (db: Queryable, statement: string, values: unknown[]): Promise<StoredResource<Attributes>[]> {
  const { rows } = await db.query<Row>(statement, values).catch(rejectWithStorageError)
  return rows.map(({ id, resource, created, last_modified: lastModified }) => ({ id, created, lastModified, attributes: resource as Attributes }))
}

async function queryOne<Attributes extends ScimAttributes> (db: Queryable, statement: string, values: unknown[]): Promise<StoredResource<Attributes>> {
  const [resource] = await query<Attributes>(db, statement, values)
  if (resource === undefined) throw new Error('The statement returned no row.')
  return resource
}

/**
 * Returns what is stored in the column of an attribute, `null` without a value. A hash, because an index limits the
 * length of its values; folded here, because `lower` of PostgreSQL depends on the locale of the database.
 */
export function keyOf (name: string, value: unknown): string | null {
  if (typeof value !== 'string') return null
  return createHash('sha256').update(name === 'externalId' ? value : value.toLowerCase()).digest('base64url')
}

function rejectWithStorageError (error: unknown): never {
  throw toStorageError(error)
}
