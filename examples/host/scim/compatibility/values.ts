import { findAttribute, findExtension, findSubAttribute, isJsonObject, objectAt, type Attribute, type JsonObject, type SchemaDefinition } from './attributes.ts'

/**
 * Converts a resource that a provider sends to the format of RFC 7643. Attributes that the schema
 * does not have are kept: SCIMMY ignores them.
 */
export function toResource (schema: SchemaDefinition, body: JsonObject): JsonObject {
  const resource: JsonObject = {}
  for (const [name, value] of Object.entries(body)) {
    const extension = findExtension(schema, name)
    const found = findAttribute(schema, name)
    if (extension !== undefined && isJsonObject(value)) {
      resource[extension.id] = { ...objectAt(resource, extension.id), ...toResource(extension, value) }
    } else if (found?.extension !== undefined) {
      resource[found.extension] = { ...objectAt(resource, found.extension), [found.attribute.name]: toAttributeValue(found.attribute, value) }
    } else {
      resource[found?.attribute.name ?? name] = found === undefined ? value ?? undefined : toAttributeValue(found.attribute, value)
    }
  }
  return resource
}

/** Converts the value of an attribute to the format of RFC 7643. Returns undefined if there is no value. */
export function toAttributeValue (attribute: Attribute, value: unknown): unknown {
  // RFC 7643, section 2.5: null and an empty array are the same as no value.
  if (value === null || value === undefined) return undefined
  if (Array.isArray(value)) {
    const values = value.filter((element) => element !== null)
    return values.length === 0 ? undefined : mergeValues([], values.map((element) => toSingleValue(attribute, element)))
  }
  return toSingleValue(attribute, value)
}

function toSingleValue (attribute: Attribute, value: unknown): unknown {
  // Deviates from RFC 7643, section 2.3.2, for Entra ID, which sends "True" and "False" without the
  // flag aadOptscim062020 (learn.microsoft.com: known issues with SCIM 2.0 protocol compliance).
  if (attribute.type === 'boolean' && typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true'

  if (attribute.type !== 'complex') return value
  // Deviates from RFC 7643, section 4.3, for Entra ID, which sends the manager as a string
  // (learn.microsoft.com: develop a SCIM endpoint), and members, too, in Microsoft's reference collection.
  if (typeof value === 'string' && findSubAttribute(attribute, 'value') !== undefined) return { value }
  if (!isJsonObject(value)) return value

  return Object.fromEntries(Object.entries(value).map(([name, part]) => {
    const subAttribute = findSubAttribute(attribute, name)
    return subAttribute === undefined ? [name, part ?? undefined] : [subAttribute.name, toAttributeValue(subAttribute, part)]
  }))
}

/**
 * Returns the values of a multi-valued attribute with others added. A value that exists already is
 * not added again (RFC 7644, section 3.5.2.1) but takes over the sub-attributes of the added one.
 */
export function mergeValues (values: readonly unknown[], added: readonly unknown[]): unknown[] {
  const merged = [...values]
  const keys = new Set(added.map(keyOf))
  const indexes = new Map<unknown, number[]>()
  merged.forEach((value, index) => { if (keys.has(keyOf(value))) remember(value, index) })

  for (const value of added) {
    const index = indexes.get(keyOf(value))?.find((index) => haveSameType(merged[index], value))
    if (index === undefined) remember(value, merged.push(value) - 1)
    else if (isJsonObject(value)) merged[index] = { ...merged[index] as JsonObject, ...withoutUndefined(value) }
  }
  return merged

  function remember (value: unknown, index: number): void {
    const known = indexes.get(keyOf(value))
    if (known === undefined) indexes.set(keyOf(value), [index])
    else known.push(index)
  }
}

/** RFC 7643, section 2.4: an entry is identified by its value and its type. */
function keyOf (entry: unknown): unknown {
  return isJsonObject(entry) ? entry['value'] ?? JSON.stringify(entry) : entry
}

/** A value without a type is the same as one with a type: providers send members both ways. */
function haveSameType (one: unknown, other: unknown): boolean {
  if (!isJsonObject(one) || !isJsonObject(other)) return true
  return one['type'] === other['type'] || one['type'] === undefined || other['type'] === undefined
}

function withoutUndefined (entry: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
}
