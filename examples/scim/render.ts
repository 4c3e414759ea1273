import { resolvePath, type AttributePath } from './attribute-path.ts'
import { badRequest } from './errors.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { maxAttributesLength } from './limits.ts'
import type { ResourceType } from './schemas.ts'
import type { ScimAttributes, StoredResource } from './storage.ts'

/** The query parameters that select the attributes in a response (RFC 7644, section 3.9). */
export interface AttributeLists {
  attributes?: string
  excludedAttributes?: string
}

/** Returns a resource with all of its attributes. */
export function toResource (type: ResourceType, base: string, { id, created, lastModified, attributes }: StoredResource<ScimAttributes>): JsonObject {
  return {
    schemas: [type.schema, ...type.extensions.filter((extension) => attributes[extension.id] !== undefined)].map(({ id }) => id),
    id,
    ...attributes,
    meta: {
      resourceType: type.name,
      created: created.toISOString(),
      lastModified: lastModified.toISOString(),
      location: `${base}${type.endpoint}/${encodeURIComponent(id)}`
    }
  }
}

/**
 * Creates the function that leaves out what a client has not requested.
 *
 * @throws ScimError 400 if a list of attributes has an empty name
 */
export function createSelection (type: ResourceType, { attributes, excludedAttributes }: AttributeLists): (resource: JsonObject) => JsonObject {
  const requested = attributes === undefined ? undefined : readNames(type, attributes)
  const excluded = excludedAttributes === undefined ? [] : readNames(type, excludedAttributes)
  if (requested === undefined && excluded.length === 0) return (resource) => resource
  return (resource) => mapAttributes(type, resource, (name, extension, value) => {
    const wanted = requested && pathsOf(requested, name, extension)
    const unwanted = pathsOf(excluded, name, extension)
    if (wanted?.length === 0 || unwanted.some(({ subAttribute }) => subAttribute === undefined)) return undefined
    return mapParts(value, (part) => (wanted === undefined || isNamed(part, wanted)) && !isNamed(part, unwanted))
  })
}

/** Names that the schema does not have are left out. What stands in brackets is ignored, for Microsoft's reference collection. */
function readNames (type: ResourceType, list: string): AttributePath[] {
  if (list.length > maxAttributesLength) throw badRequest('tooMany', `A list of attributes must have at most ${maxAttributesLength} characters.`)
  const names = list.replace(/\[(?:"(?:[^"\\]|\\.)*"|[^[\]"])*\]/g, '').split(',').map((name) => name.trim())
  if (names.includes('')) throw badRequest('invalidFilter', 'A list of attributes must not have an empty name.')
  return names.map((name) => resolvePath(type, name)).filter((path) => path !== undefined)
}

/** Returns the paths that name this attribute, a part of it, or the schema that it is of. */
function pathsOf (paths: AttributePath[], name: string, extension: string | undefined): AttributePath[] {
  return paths.filter((path) => path.extension?.id === extension && (path.attribute === undefined || path.attribute.name === name))
}

function isNamed (part: string, paths: AttributePath[]): boolean {
  return paths.some(({ subAttribute }) => subAttribute === undefined || subAttribute.name === part)
}

/** Maps each attribute; those that are returned always are kept. */
function mapAttributes ({ attributes, extensions }: ResourceType, resource: JsonObject, map: (name: string, extension: string | undefined, value: unknown) => unknown): JsonObject {
  const isAlwaysReturned = (name: string) => attributes.some((attribute) => attribute.name === name && attribute.returned === 'always')
  return mapObject(resource, (name, value) => {
    if (isAlwaysReturned(name)) return value
    if (!extensions.some(({ id }) => id === name)) return map(name, undefined, value)
    return mapObject(value as JsonObject, (subName, part) => map(subName, name, part))
  }) ?? {}
}

function mapParts (value: unknown, keep: (name: string) => boolean): unknown {
  const keepParts = (part: unknown) => isJsonObject(part) ? mapObject(part, (name, value) => keep(name) ? value : undefined) : part
  if (!Array.isArray(value)) return keepParts(value)
  const values = value.map(keepParts).filter((part) => part !== undefined)
  return values.length > 0 ? values : undefined
}

/** Returns a copy without the values that have become `undefined`; `undefined` if none is left. */
function mapObject (object: JsonObject, map: (name: string, value: unknown) => unknown): JsonObject | undefined {
  const mapped = Object.entries(object).map(([name, value]) => [name, map(name, value)]).filter(([, value]) => value !== undefined)
  return mapped.length > 0 ? Object.fromEntries(mapped) : undefined
}
