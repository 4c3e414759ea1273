import { findAttribute, resolvePath, type AttributePath } from './attribute-path.ts'
import { Entries } from './entries.ts'
import { badRequest } from './errors.ts'
import { parseValueFilter, type Filter } from './filter.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { maxPathLength } from './limits.ts'
import type { Attribute, ResourceType, Schema } from './schemas.ts'
import { invalidValue, readValue, readValues } from './values.ts'

export interface Operation {
  op: 'add' | 'replace' | 'remove'
  path: string | undefined
  value: unknown
}

/** What the path of an operation names: `name[filter].subName`, each of the last two optional. */
interface Target extends AttributePath {
  filter: Filter | undefined
}

/** A resource while a request changes it. The keys of its objects are names of the schema, never of the client. */
export class Draft {
  readonly #type: ResourceType
  readonly #attributes: JsonObject
  readonly #isStored: boolean
  readonly #lists = new Map<Attribute, Entries>()

  /** @param stored the attributes of a resource that exists already */
  constructor (type: ResourceType, stored?: JsonObject) {
    this.#type = type
    this.#attributes = { ...stored }
    this.#isStored = stored !== undefined
  }

  /** Applies an operation of a PATCH request (RFC 7644, section 3.5.2). */
  apply ({ op, path, value }: Operation): void {
    if (op !== 'remove' && value === undefined) throw badRequest('invalidValue', `The operation "${op}" must have a value.`)
    if (path === undefined && op === 'remove') throw badRequest('noTarget', 'The operation "remove" must have a path.')
    const target = path === undefined ? undefined : this.#parsePath(path)
    if (target?.attribute !== undefined) {
      this.#change(target, target.attribute, op, value)
    } else if (op === 'remove') {
      this.#setExtension(target?.extension, {})
    } else {
      this.assign(value, op, target?.extension, { isWithinSchema: target !== undefined })
    }
  }

  /**
   * Sets each attribute that an object names.
   *
   * @param options.ignoreUnknown whether attributes that the schema does not have are left out instead of rejected
   * @param options.isWithinSchema whether the object is that of the URN of a schema, which has none of another one
   */
  assign (value: unknown, op: 'add' | 'replace', extension?: Schema, { ignoreUnknown = false, isWithinSchema = false } = {}): void {
    if (value === null && isWithinSchema) {
      if (op === 'replace') this.#setExtension(extension, {})
      return
    }
    if (!isJsonObject(value)) throw badRequest('invalidValue', 'A resource, and the value of an operation without a path, must be an object.')
    for (const [name, part] of Object.entries(value)) {
      const path = extension === undefined ? name : `${extension.id}:${name}`
      const known = resolvePath(this.#type, path)
      if (known === undefined && ignoreUnknown) continue
      // As in a PUT (RFC 7644, section 3.5.1). Okta and authentik send the id and the schemas along.
      if (known?.attribute?.mutability === 'readOnly') continue
      if (known !== undefined && known.attribute === undefined) {
        if (isWithinSchema) throw badRequest('invalidValue', `The attributes of "${name}" must not be within those of another schema.`)
        this.assign(part, op, known.extension, { ignoreUnknown, isWithinSchema: true })
      } else {
        this.apply({ op, path, value: part })
      }
    }
  }

  /**
   * Returns the attributes.
   *
   * @throws ScimError 400 if one that is required has no value
   */
  finish (): JsonObject {
    for (const [{ name }, entries] of this.#lists) setOrDelete(this.#attributes, name, entries.size > 0 ? entries.toArray() : undefined)
    for (const attribute of this.#type.schema.attributes) {
      const value = this.#attributes[attribute.name]
      // RFC 7644, section 3.5.2.2.
      if (attribute.required && value === undefined && this.#isStored) throw badRequest('mutability', `"${attribute.name}" cannot be removed.`)
      if (attribute.required && (typeof value !== 'string' || value.trim() === '')) throw invalidValue(attribute, 'a string that is not blank')
    }
    return this.#attributes
  }

  #parsePath (path: string): Target {
    if (path.length > maxPathLength) throw invalidPath(`A path must have at most ${maxPathLength} characters.`)
    const [, name = '', filterText, subName] = /^([^[\]]+)(?:\[(.*)\](?:\.([^[\].]+))?)?$/s.exec(path) ?? []
    const found = resolvePath(this.#type, name)
    if (found !== undefined && filterText === undefined) return checkWritable({ ...found, filter: undefined })

    const attribute = found?.subAttribute === undefined ? found?.attribute : undefined
    const subAttribute = subName === undefined ? undefined : findAttribute(attribute?.subAttributes, subName)
    if (attribute?.multiValued !== true || attribute.type !== 'complex' || (subName !== undefined && subAttribute === undefined)) {
      throw invalidPath(`There is no attribute with the path "${path}".`)
    }
    return checkWritable({ extension: found?.extension, attribute, subAttribute, filter: parseValueFilter(attribute, String(filterText)) })
  }

  #change (target: Target, attribute: Attribute, op: Operation['op'], value: unknown): void {
    if (attribute.multiValued) return this.#changeValues(target, attribute, op, value)
    const container = this.#containerOf(target.extension)
    const changed = changeSingleValue(container[attribute.name], target, attribute, op, value)
    // A password is read, so that one of a wrong type is rejected, and not kept.
    setOrDelete(container, attribute.name, attribute.returned === 'never' ? undefined : changed)
    this.#setExtension(target.extension, container)
  }

  #changeValues (target: Target, attribute: Attribute, op: Operation['op'], value: unknown): void {
    const entries = this.#entriesOf(attribute)
    const selectsAll = target.filter === undefined && target.subAttribute === undefined
    const places = selectsAll ? changeEntries(entries, attribute, op, value) : changeSelectedEntries(entries, target, attribute, op, value)
    keepOnePrimary(entries, attribute, places)
  }

  #entriesOf (attribute: Attribute): Entries {
    const known = this.#lists.get(attribute)
    if (known !== undefined) return known
    const entries = new Entries(attribute, (this.#attributes[attribute.name] ?? []) as JsonObject[])
    this.#lists.set(attribute, entries)
    return entries
  }

  #containerOf (extension: Schema | undefined): JsonObject {
    return extension === undefined ? this.#attributes : { ...objectOf(this.#attributes[extension.id]) }
  }

  #setExtension (extension: Schema | undefined, attributes: JsonObject): void {
    if (extension !== undefined) setOrDelete(this.#attributes, extension.id, Object.keys(attributes).length > 0 ? attributes : undefined)
  }
}

function checkWritable (target: Target): Target {
  if (target.attribute?.mutability === 'readOnly') throw badRequest('mutability', `"${target.attribute.name}" is read-only.`)
  return target
}

function changeSingleValue (current: unknown, { subAttribute }: Target, attribute: Attribute, op: Operation['op'], value: unknown): unknown {
  if (subAttribute !== undefined) {
    const complex = { ...objectOf(current) }
    setOrDelete(complex, subAttribute.name, op === 'remove' ? undefined : readValue(subAttribute, value))
    return Object.keys(complex).length > 0 ? complex : undefined
  }
  if (op === 'remove') return undefined
  const replacement = readValue(attribute, value)
  // RFC 7644, section 3.5.2.3: sub-attributes that an object does not name are left unchanged. A
  // string, as Entra ID sends for a manager, names another one, so that nothing is left of the former.
  if (!isJsonObject(value)) return replacement
  return mergeParts(objectOf(current), attribute, value, objectOf(replacement))
}

/** Returns an object with the parts of another one; those that were sent as `null` are removed. */
function mergeParts (current: JsonObject, attribute: Attribute, sent: JsonObject, parts: JsonObject): JsonObject | undefined {
  const merged = { ...current, ...parts }
  for (const [name, part] of Object.entries(sent)) {
    if (part === null) delete merged[findAttribute(attribute.subAttributes, name)?.name ?? '']
  }
  return Object.keys(merged).length > 0 ? merged : undefined
}

/** @returns the places of the values that have become the primary one */
function changeEntries (entries: Entries, attribute: Attribute, op: Operation['op'], value: unknown): number[] {
  if (op === 'remove') return removeEntries(entries, attribute, value)
  const values = readValues(attribute, value)
  if (op === 'replace') entries.clear()
  return values.flatMap((entry) => {
    const place = entries.add(entry)
    return entry['primary'] === true ? [place] : []
  })
}

function removeEntries (entries: Entries, attribute: Attribute, value: unknown): number[] {
  if (value === undefined || value === null) entries.clear()
  // Deviates from RFC 7644, section 3.5.2.2, for Entra ID and authentik, which name the members to
  // remove by a value, where the RFC removes all. Only the id counts, whatever else is stored of them.
  for (const named of [value ?? []].flat()) {
    const { value: id } = objectOf(readValue(attribute, named))
    if (id === undefined) throw badRequest('invalidValue', `Each value to remove from "${attribute.name}" must have a "value".`)
    for (const place of entries.selectValue(String(id))) entries.set(place, undefined)
  }
  return []
}

/** @returns the places of the values that have become the primary one */
function changeSelectedEntries (entries: Entries, { filter, subAttribute }: Target, attribute: Attribute, op: Operation['op'], value: unknown): number[] {
  const selected = entries.select(filter)
  if (op === 'remove' && subAttribute === undefined) {
    for (const place of selected) entries.set(place, undefined)
    return []
  }
  const sent = subAttribute === undefined ? value : { [subAttribute.name]: op === 'remove' ? null : value }
  if (!isJsonObject(sent)) throw invalidValue(attribute, 'changed by an object')
  const parts = objectOf(readValue(attribute, sent))

  if (selected.length === 0 && Object.keys(parts).length > 0) {
    const created = createEntry(attribute, filter, parts)
    const place = entries.add(created)
    return created['primary'] === true ? [place] : []
  }
  const isReduced = Object.values(sent).includes(null)
  for (const place of selected) {
    const entry = entries.get(place) ?? {}
    const merged = mergeParts(entry, attribute, sent, parts)
    rejectImmutable(attribute, entry, merged)
    entries.set(place, isReduced && isLabel(merged) ? undefined : merged)
  }
  return parts['primary'] === true ? selected : []
}

function rejectImmutable (attribute: Attribute, entry: JsonObject, changed: JsonObject = {}): void {
  for (const { name, mutability } of attribute.subAttributes ?? []) {
    const isChanged = entry[name] !== undefined && entry[name] !== changed[name]
    if (mutability === 'immutable' && isChanged) throw badRequest('mutability', `"${name}" of a value of "${attribute.name}" cannot be changed.`)
  }
}

/**
 * Deviates from RFC 7644, section 3.5.2.3, for Entra ID, which replaces emails[type eq "work"].value of a user who
 * has none and expects it to be created. A value that the filter selects by its "value", or by no equality, is not; nor
 * is a member, whose "value" is immutable: a group must not get one by the change of another one.
 */
function createEntry (attribute: Attribute, filter: Filter | undefined, parts: JsonObject): JsonObject {
  const equalities = filter?.equalities ?? new Map()
  const entry = { ...Object.fromEntries(equalities), ...parts }
  const isImmutable = findAttribute(attribute.subAttributes, 'value')?.mutability === 'immutable'
  if (isImmutable || (filter !== undefined && (equalities.size === 0 || equalities.has('value') || !filter.matches(entry)))) {
    throw badRequest('noTarget', `The path selects no value of "${attribute.name}".`)
  }
  return entry
}

/** Whether only a label is left of a value, such as of an e-mail without an address. */
function isLabel (entry: JsonObject = {}): boolean {
  return Object.keys(entry).every((name) => ['type', 'primary', 'display'].includes(name))
}

/** RFC 7644, section 3.5.2: once a value has become the primary one, the others no longer are. */
function keepOnePrimary (entries: Entries, attribute: Attribute, places: number[]): void {
  const [primary, another] = new Set(places)
  if (another !== undefined) throw invalidValue(attribute, 'an array with at most one primary value')
  if (primary === undefined) return
  for (const place of entries.select()) {
    const entry = entries.get(place)
    if (place !== primary && entry?.['primary'] === true) entries.set(place, { ...entry, primary: false })
  }
}

function setOrDelete (object: JsonObject, name: string, value: unknown): void {
  if (value === undefined) delete object[name]
  else object[name] = value
}

function objectOf (value: unknown): JsonObject {
  return isJsonObject(value) ? value : {}
}

function invalidPath (message: string) {
  return badRequest('invalidPath', message)
}
