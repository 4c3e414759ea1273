import { toStorageError } from '../scim/postgres-errors.ts'
import type { Database } from '../scim/postgres-pool.ts'
import type { ResourceReader, ScimAttributes, ScimStorage } from '../scim/storage.ts'
import type { Config } from './config.ts'
import { groupReader, groupWriter } from './scim-groups.ts'
import { userReader, userWriter } from './scim-users.ts'

/** Stores users and groups of the identity provider in Unleash's own tables. */
export function unleashStorage (db: Database, { defaultRole, rootRoles }: Pick<Config, 'defaultRole' | 'rootRoles'>): ScimStorage {
  return {
    users: convertErrors(userReader(db)),
    groups: convertErrors(groupReader(db)),
    transaction: (work) => db.transaction((db) => work({
      users: userWriter(db, defaultRole),
      groups: groupWriter(db, rootRoles)
    })).catch(rethrow)
  }
}

function convertErrors<Attributes extends ScimAttributes> (reader: ResourceReader<Attributes>): ResourceReader<Attributes> {
  return {
    find: (id) => reader.find(id).catch(rethrow),
    page: (range) => reader.page(range).catch(rethrow),
    search: (equalities) => reader.search(equalities).catch(rethrow)
  }
}

function rethrow (thrown: unknown): never {
  throw toStorageError(thrown)
}
