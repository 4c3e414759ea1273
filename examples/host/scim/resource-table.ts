import SCIMMY from 'scimmy'
import type { Queryable } from '../database.ts'
import type { JsonObject } from './compatibility/attributes.ts'
import { toScimError } from './errors.ts'

type TableName = 'scim_users' | 'scim_groups'
type Row = { id: string, resource: JsonObject, created: Date, last_modified: Date }

/**
 * The SQL that creates the tables. User names are unique by RFC 7643, section 4.1.1; group names are
 * for Entra ID, which finds a group by its name (learn.microsoft.com: develop a SCIM endpoint).
 */
export const scimTables = `
  create table if not exists scim_users (
    id text primary key default gen_random_uuid(),
    resource jsonb not null,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now()
  );
  create unique index if not exists scim_users_user_name on scim_users (lower(resource->>'userName'));
  create index if not exists scim_users_display_name on scim_users (lower(resource->>'displayName'));
  create index if not exists scim_users_external_id on scim_users ((resource->>'externalId'));
  create index if not exists scim_users_created on scim_users (created, id);
  create table if not exists scim_groups (
    id text primary key default gen_random_uuid(),
    resource jsonb not null,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now()
  );
  create unique index if not exists scim_groups_display_name on scim_groups (lower(resource->>'displayName'));
  create index if not exists scim_groups_external_id on scim_groups ((resource->>'externalId'));
  create index if not exists scim_groups_created on scim_groups (created, id)`

/** SQL that uses an index, by attribute. It is case-insensitive if the schema is (caseExact). */
const indexedConditions: Readonly<Record<string, (parameter: string) => string>> = {
  id: (parameter) => `id = ${parameter}`,
  userName: (parameter) => `lower(resource->>'userName') = lower(${parameter})`,
  displayName: (parameter) => `lower(resource->>'displayName') = lower(${parameter})`,
  externalId: (parameter) => `resource->>'externalId' = ${parameter}`
}

/** The table of the resources of one type. */
export interface ResourceTable {
  insert (db: Queryable, content: object): Promise<JsonObject>
  update (db: Queryable, id: string, content: object): Promise<JsonObject>
  /** @param lock whether to lock the row, for a change that depends on what it holds */
  find (db: Queryable, id: string, options?: { lock: boolean }): Promise<JsonObject>
  page (db: Queryable, range: { limit: number, offset: number }): Promise<{ contents: JsonObject[], total: number }>
  /** Returns the resources that can match the equalities; those without an index are not compared. */
  select (db: Queryable, equalities?: ReadonlyMap<string, unknown>): Promise<JsonObject[]>
  /** Deletes the resource, also from the members of groups. */
  remove (db: Queryable, id: string): Promise<void>
}

export function resourceTable (table: TableName): ResourceTable {
  async function query<R extends Row> (db: Queryable, statement: string, values: unknown[] = []) {
    const { rows } = await db.query<R>(statement, values).catch(toScimError)
    return rows.map(toContent)
  }

  async function queryOne (db: Queryable, statement: string, values: unknown[]) {
    const [content] = await query(db, statement, values)
    if (content === undefined) throw new SCIMMY.Types.Error(404, '', 'There is no resource with this id.')
    return content
  }

  return {
    insert: (db, content) => queryOne(db, `insert into ${table} (resource) values ($1) returning *`, [JSON.stringify(content)]),

    update: (db, id, content) => queryOne(db, `update ${table} set resource = $2, last_modified = now() where id = $1 returning *`, [id, JSON.stringify(content)]),

    find: (db, id, { lock } = { lock: false }) => queryOne(db, `select * from ${table} where id = $1 ${lock ? 'for update' : ''}`, [id]),

    async page (db, { limit, offset }) {
      const contents = await query(db, `select * from ${table} order by created, id limit $1 offset $2`, [limit, offset])
      const { rows: [counted] } = await db.query<{ total: number }>(`select count(*)::int as total from ${table}`).catch(toScimError)
      return { contents, total: counted?.total ?? 0 }
    },

    async select (db, equalities = new Map()) {
      const indexed = [...equalities].filter(([name, value]) => name in indexedConditions && typeof value === 'string')
      const conditions = indexed.map(([name], i) => indexedConditions[name]?.(`$${i + 1}`))
      const where = conditions.length > 0 ? `where ${conditions.join(' and ')}` : ''
      return await query(db, `select * from ${table} ${where} order by created, id`, indexed.map(([, value]) => value))
    },

    async remove (db, id) {
      await queryOne(db, `delete from ${table} where id = $1 returning *`, [id])
      const isMember = "resource->'members' @> jsonb_build_array(jsonb_build_object('value', $1::text))"
      // Locked in the same order by each transaction, to avoid deadlocks.
      await query(db, `select * from scim_groups where ${isMember} order by id for update`, [id])
      await query(db, `
        update scim_groups
        set last_modified = now(), resource = jsonb_set(resource, '{members}', (
          select coalesce(jsonb_agg(member order by place), '[]')
          from jsonb_array_elements(resource->'members') with ordinality as members (member, place)
          where member->>'value' is distinct from $1
        ))
        where ${isMember} returning *`, [id])
    }
  }
}

function toContent ({ id, resource, created, last_modified: lastModified }: Row): JsonObject {
  return { ...resource, id, meta: { created, lastModified } }
}
