import SCIMMY from 'scimmy'
import { findAttribute, findExtension, findSubAttribute, isJsonObject, isReadOnly, objectAt, type Attribute, type JsonObject, type SchemaDefinition } from './attributes.ts'
import { parseValueFilter } from './filter.ts'
import { mergeValues, toAttributeValue } from './values.ts'

type Op = 'add' | 'replace' | 'remove'
type Operation = SCIMMY.Messages.PatchOp.PatchOpOperation

const maxPathLength = 1000

/** What the path of an operation names: `name[valueFilter].subName`, each of the last two optional. */
interface Target {
  attribute: Attribute
  extension: string | undefined
  valueFilter: string | undefined
  subAttribute: Attribute | undefined
}

/**
 * Returns the resource with the operations of a PATCH request applied, all or none (RFC 7644,
 * section 3.5.2). SCIMMY validates the message and, when it is written, the resource.
 *
 * @throws SCIMError 400
 */
export function applyPatch (schema: SchemaDefinition, resource: JsonObject, message: unknown): JsonObject {
  const patched = structuredClone(resource)
  for (const { op, path, value } of readOperations(message)) {
    applyOperation(schema, patched, op.toLowerCase() as Op, path, value)
  }
  // Leaves out what has become undefined.
  return JSON.parse(JSON.stringify(patched))
}

function readOperations (message: unknown): Operation[] {
  if (!isJsonObject(message)) throw new SCIMMY.Types.Error(400, 'invalidSyntax', 'The request has no PatchOp message as its body.')
  const { Operations: operations } = message
  try {
    const { Operations } = new SCIMMY.Messages.PatchOp({
      ...message as object as SCIMMY.Messages.PatchOp,
      Operations: Array.isArray(operations) ? operations.map(({ path, ...rest }) => ({ ...rest, path: path ?? undefined })) : operations as Operation[]
    })
    return Operations
  } catch (error) {
    if (error instanceof SCIMMY.Types.Error) throw error
    throw new SCIMMY.Types.Error(400, 'invalidSyntax', 'The operations of a PatchOp message must be objects.')
  }
}

function applyOperation (schema: SchemaDefinition, resource: JsonObject, op: Op, path: string | undefined, value: unknown): void {
  if (op === 'replace' && value === undefined) throw new SCIMMY.Types.Error(400, 'invalidValue', 'A replace operation must have a value.')

  const extension = path === undefined ? undefined : findExtension(schema, path)
  if (extension !== undefined && op === 'remove') {
    setExtension(resource, extension.id, {})
  } else if (extension !== undefined || path === undefined) {
    applyToEach(schema, resource, op, extension?.id, value)
  } else {
    const target = parsePath(schema, path)
    if (isReadOnly(target.attribute)) throw new SCIMMY.Types.Error(400, 'mutability', `"${path}" is read-only.`)
    const container = target.extension === undefined ? resource : objectAt(resource, target.extension)
    if (target.attribute.config.multiValued) applyToMultiValued(container, target, op, path, value)
    else applyToSingleValued(container, target, op, value)
    if (target.extension !== undefined) setExtension(resource, target.extension, container)
  }
}

/** RFC 7643, section 3: "schemas" names an extension if the resource has attributes of it. */
function setExtension (resource: JsonObject, urn: string, attributes: JsonObject): void {
  const isEmpty = Object.values(attributes).every((value) => value === undefined)
  resource[urn] = isEmpty ? undefined : attributes
  const schemas = [resource['schemas'] ?? []].flat().filter((schema) => schema !== urn)
  resource['schemas'] = isEmpty ? schemas : [...schemas, urn]
}

/** Applies an operation without a path, or one on an extension, to each attribute that its value names. */
function applyToEach (schema: SchemaDefinition, resource: JsonObject, op: Op, extension: string | undefined, value: unknown): void {
  if (!isJsonObject(value)) throw new SCIMMY.Types.Error(400, 'invalidValue', 'An operation without a path must have an object as its value.')
  for (const [name, part] of Object.entries(value)) {
    const path = extension === undefined ? name : `${extension}:${name}`
    const found = findAttribute(schema, path)
    // As in a PUT (RFC 7644, section 3.5.1). Okta and authentik send the id and the schemas along.
    if (found !== undefined && isReadOnly(found.attribute)) continue
    applyOperation(schema, resource, op, path, part)
  }
}

function parsePath (schema: SchemaDefinition, path: string): Target {
  // Longer ones would keep the process busy: the time that parsing takes grows with the square.
  if (path.length > maxPathLength) throw new SCIMMY.Types.Error(400, 'invalidPath', `A path must have at most ${maxPathLength} characters.`)
  const [, name = '', valueFilter, subName] = /^((?:urn:.+:)?[^.:[\]]+)(?:\[(.+)\])?(?:\.([^.[\]]+))?$/i.exec(path) ?? []
  const found = findAttribute(schema, name)
  const subAttribute = subName === undefined ? undefined : found && findSubAttribute(found.attribute, subName)
  if (found === undefined || (subName !== undefined && subAttribute === undefined) ||
    (valueFilter !== undefined && !(found.attribute.type === 'complex' && found.attribute.config.multiValued))) {
    throw new SCIMMY.Types.Error(400, 'invalidPath', `There is no attribute with the path "${path}".`)
  }
  return { ...found, valueFilter, subAttribute }
}

function applyToSingleValued (container: JsonObject, { attribute, subAttribute }: Target, op: Op, value: unknown): void {
  const { name } = attribute
  if (subAttribute !== undefined) {
    const complex = { ...objectAt(container, name), [subAttribute.name]: op === 'remove' ? undefined : toAttributeValue(subAttribute, value) }
    container[name] = Object.values(complex).some((part) => part !== undefined) ? complex : undefined
    return
  }

  const replacement = op === 'remove' ? undefined : toAttributeValue(attribute, value)
  // RFC 7644, section 3.5.2.3: sub-attributes that an object does not name are left unchanged. A
  // string, as Entra ID sends for a manager, names another one, so that nothing is left of the former.
  container[name] = isJsonObject(value) && isJsonObject(replacement) ? { ...objectAt(container, name), ...replacement } : replacement
}

function applyToMultiValued (container: JsonObject, target: Target, op: Op, path: string, value: unknown): void {
  const { attribute, valueFilter, subAttribute } = target
  const current = container[attribute.name]
  const entries: unknown[] = Array.isArray(current) ? current : []
  const changed = valueFilter === undefined && subAttribute === undefined
    ? changeEntries(attribute, entries, op, value)
    : changeSelectedEntries(target, entries, op, path, value)
  container[attribute.name] = changed.length === 0 ? undefined : keepOnePrimary(attribute, changed, entries)
}

/** RFC 7644, section 3.5.2: once a value has become the primary one, the others no longer are. */
function keepOnePrimary (attribute: Attribute, changed: unknown[], before: unknown[]): unknown[] {
  if (findSubAttribute(attribute, 'primary') === undefined) return changed
  const primary = changed.findLast((entry) => isPrimary(entry) && !before.includes(entry))
  return primary === undefined
    ? changed
    : changed.map((entry) => entry !== primary && isPrimary(entry) ? { ...entry, primary: false } : entry)
}

function changeEntries (attribute: Attribute, entries: unknown[], op: Op, value: unknown): unknown[] {
  const values = [toAttributeValue(attribute, value) ?? []].flat()
  if (op === 'add') return mergeValues(entries, values)
  if (op === 'replace') return mergeValues([], values)
  if (value === undefined || value === null) return []
  // Deviates from RFC 7644, section 3.5.2.2, for Entra ID and authentik, which name the members to
  // remove by a value, where the RFC removes all. Only the id counts, whatever else is stored of them.
  const named = new Set(values.map((entry) => isJsonObject(entry) ? entry['value'] : entry))
  if (named.has(undefined)) throw new SCIMMY.Types.Error(400, 'invalidValue', `Each value to remove from "${attribute.name}" must have a "value".`)
  return entries.filter((entry) => !named.has(isJsonObject(entry) ? entry['value'] : entry))
}

function changeSelectedEntries ({ attribute, valueFilter, subAttribute }: Target, entries: unknown[], op: Op, path: string, value: unknown): unknown[] {
  const filter = valueFilter === undefined ? undefined : parseValueFilter(attribute, valueFilter)
  const isSelected = (entry: unknown): entry is JsonObject => isJsonObject(entry) && (filter?.matches(entry) ?? true)
  if (op === 'remove' && subAttribute === undefined) return entries.filter((entry) => !isSelected(entry))

  const part = op === 'remove' ? undefined : toAttributeValue(subAttribute ?? attribute, value)
  const change = subAttribute === undefined ? part : { [subAttribute.name]: part }
  if (!isJsonObject(change)) throw new SCIMMY.Types.Error(400, 'invalidValue', `The value for "${path}" must be an object.`)

  if (part === undefined || entries.some(isSelected)) {
    return entries.flatMap((entry) => isSelected(entry) ? withoutEmpty({ ...entry, ...change }) : [entry])
  }
  // Deviates from RFC 7644, section 3.5.2.3, for Entra ID, which replaces emails[type eq "work"].value
  // of a user who has none and expects it to be created (scim-patch issue 176). An entry that the
  // filter selects by its value is not: a group must not get a member by the change of another one.
  const created = toAttributeValue(attribute, { ...Object.fromEntries(filter?.equalities ?? []), ...change })
  if (filter?.equalities.has('value') || !isSelected(created)) {
    throw new SCIMMY.Types.Error(400, 'noTarget', `"${path}" does not match any value.`)
  }
  return [...entries, created]
}

/** Drops an entry that has only a label left, such as an e-mail without an address. */
function withoutEmpty (entry: JsonObject): JsonObject[] {
  const isLabel = (name: string) => ['type', 'primary', 'display'].includes(name)
  return Object.entries(entry).some(([name, value]) => value !== undefined && !isLabel(name)) ? [entry] : []
}

function isPrimary (entry: unknown): entry is JsonObject {
  return isJsonObject(entry) && entry['primary'] === true
}
