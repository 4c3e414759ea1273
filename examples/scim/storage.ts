/**
 * Attributes by the names of their schema, as they are sent in responses, without `schemas`, `id` and `meta`. Those
 * of an extension are in an object under its URN. Names and types are those of the schema: whatever else a client
 * sends is dropped or rejected before. There is neither `null` nor `undefined` nor an empty array.
 */
export interface ScimAttributes {
  readonly [name: string]: unknown
}

/** The attributes of a user that storages look at most. There are more: see `schemas.ts`. */
export interface UserAttributes extends ScimAttributes {
  /** Neither empty nor blank. */
  readonly userName: string
  readonly externalId?: string
  readonly displayName?: string
  readonly active?: boolean
  readonly name?: { readonly formatted?: string, readonly familyName?: string, readonly givenName?: string, readonly middleName?: string }
  /** At most one is the primary one. */
  readonly emails?: readonly { readonly value?: string, readonly type?: string, readonly primary?: boolean, readonly display?: string }[]
}

/** The attributes of a group. */
export interface GroupAttributes extends ScimAttributes {
  /** Neither empty nor blank. */
  readonly displayName: string
  readonly externalId?: string
  /** No two have the same `value`, the id of a user or a group, and the same `type`. */
  readonly members?: readonly GroupMember[]
}

export interface GroupMember {
  readonly value?: string
  readonly type?: string
  readonly display?: string
  readonly $ref?: string
}

/** A resource as a storage returns it. */
export interface StoredResource<Attributes extends ScimAttributes> {
  /** Unique, never reused, and never changed (RFC 7643, section 3.1). */
  readonly id: string
  readonly created: Date
  readonly lastModified: Date
  readonly attributes: Attributes
}

/**
 * What attributes equal in every resource that is searched, by name: `id`, `userName`, `externalId`, `displayName`,
 * `emails.value`, `members.value`, and any other attribute of type string. Of a multi-valued attribute one value does.
 * Compare `id` and `externalId` exactly, all others without regard to letter case, as `toLowerCase()` does.
 */
export type Equalities = ReadonlyMap<string, string>

/** A part of all resources. */
export interface Range {
  /** How many resources come before. */
  readonly offset: number
  readonly limit: number
}

/** Reads the resources of one type. */
export interface ResourceReader<Attributes extends ScimAttributes> {
  /** Returns the resource, or `null` if there is none with this id. The id is what a client sent: any text without NUL. */
  find (id: string): Promise<StoredResource<Attributes> | null>

  /** Returns a part of all resources in an order that does not change, such as that of their creation, and how many there are. */
  page (range: Range): Promise<{ resources: StoredResource<Attributes>[], total: number }>

  /**
   * Returns all resources that have the equalities, in the order of `page`. It may return others, too: each is compared
   * again. So a storage uses the equalities for which it has an index, and ignores the rest.
   */
  search (equalities: Equalities): Promise<StoredResource<Attributes>[]>
}

/** Writes the resources of one type, within a transaction. */
export interface ResourceWriter<Attributes extends ScimAttributes> {
  /** Returns the resource, or `null`, and locks it against other transactions until this one ends. */
  find (id: string): Promise<StoredResource<Attributes> | null>

  /**
   * Creates a resource, or adopts one that the storage has and that was not provisioned before.
   *
   * @returns the resource as it will be read; a storage may change attributes, such as the letter case of an address
   * @throws a {@link ScimError}: 409 `uniqueness` if there is one of this name, 400 `invalidValue` if a value cannot be stored
   */
  create (attributes: Attributes): Promise<StoredResource<Attributes>>

  /**
   * Replaces all attributes.
   *
   * @param current what `find` of this transaction returned
   * @returns the resource as it will be read
   * @throws as `create` does
   */
  update (current: StoredResource<Attributes>, attributes: Attributes): Promise<StoredResource<Attributes>>

  /**
   * Deletes the resource, also from the members of groups. `find` returns `null` from then on, and `create` of the same
   * name is not a conflict.
   *
   * @param current what `find` of this transaction returned
   */
  remove (current: StoredResource<Attributes>): Promise<void>
}

/** The writers of one transaction. */
export interface ScimTransaction {
  readonly users: ResourceWriter<UserAttributes>
  readonly groups: ResourceWriter<GroupAttributes>
}

/**
 * Stores users and groups. Each request that writes is one transaction.
 *
 * A method rejects with a {@link ScimError} that is sent as it is, or with any other error: 500, and only the log has
 * its message. If the storage cannot be used now, because it is down or another transaction has held a lock for too
 * long, the error is `unavailable(cause)` of `errors.ts` (503): providers then try again.
 */
export interface ScimStorage {
  readonly users: ResourceReader<UserAttributes>
  readonly groups: ResourceReader<GroupAttributes>

  /** Runs `work` in a transaction. If the promise rejects, nothing is changed. */
  transaction<T> (work: (transaction: ScimTransaction) => Promise<T>): Promise<T>
}
