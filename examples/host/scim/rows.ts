import SCIMMY from 'scimmy'
import type { Queryable } from '../database.ts'
import { toScimError } from './errors.ts'

/** The tables of the SCIM resources. */
export const scimTables = `
  create table if not exists scim_users (
    id text primary key default gen_random_uuid(),
    resource jsonb not null,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now()
  );
  create unique index if not exists scim_users_user_name on scim_users (lower(resource->>'userName'));
  create table if not exists scim_groups (
    id text primary key default gen_random_uuid(),
    resource jsonb not null,
    created timestamptz not null default now(),
    last_modified timestamptz not null default now()
  )`

/** What a request brings along, because SCIMMY itself is set up once for all databases of the process. */
export interface ScimContext {
  db: Queryable
  /** Whether to lock the row that is read, for a change that depends on what it holds. */
  lock?: boolean
}

type Target = Pick<SCIMMY.Types.Resource, 'id' | 'filter'>
type Row<Content> = { id: string, resource: Content, created: Date, last_modified: Date }

/** Makes the handlers through which SCIMMY reads and writes the resources in a table. */
export function handlersOf<Content extends object> (table: 'scim_users' | 'scim_groups') {
  const insert = `insert into ${table} (resource) values ($1) returning *`
  const update = `update ${table} set resource = $2, last_modified = now() where id = $1 returning *`
  const remove = `delete from ${table} where id = $1 returning *`
  const select = `select * from ${table} where id = $1`
  const selectAll = `select * from ${table} order by created, id`

  async function one (db: Queryable, statement: string, values: unknown[]) {
    const { rows } = await db.query<Row<Content>>(statement, values).catch(toScimError)
    if (rows[0] === undefined) throw new SCIMMY.Types.Error(404, '', 'There is no resource with this id.')
    return toContent(rows[0])
  }

  return {
    async ingress ({ id }: Target, content: Content, { db }: ScimContext) {
      // Without the password: SCIMMY leaves it out.
      const json = JSON.stringify(content)
      return id === undefined ? await one(db, insert, [json]) : await one(db, update, [id, json])
    },

    async egress ({ id, filter }: Target, { db, lock = false }: ScimContext) {
      if (id !== undefined) return await one(db, lock ? `${select} for update` : select, [id])
      // A host with many users turns the filter into SQL.
      const { rows } = await db.query<Row<Content>>(selectAll).catch(toScimError)
      const contents = rows.map(toContent)
      return filter?.match(contents) ?? contents
    },

    async degress ({ id }: Target, { db }: ScimContext) {
      await one(db, remove, [id])
    }
  }
}

function toContent<Content extends object> ({ id, resource, created, last_modified: lastModified }: Row<Content>) {
  return { ...resource, id, meta: { created, lastModified } }
}
