/** An attribute, as RFC 7643, section 7, describes it. */
export interface Attribute {
  readonly name: string
  readonly type: 'string' | 'boolean' | 'dateTime' | 'reference' | 'binary' | 'complex'
  readonly multiValued: boolean
  readonly description: string
  readonly required: boolean
  readonly caseExact: boolean
  readonly mutability: 'readOnly' | 'readWrite' | 'immutable' | 'writeOnly'
  readonly returned: 'always' | 'default' | 'never'
  readonly uniqueness: 'none' | 'server'
  readonly canonicalValues?: readonly string[]
  readonly referenceTypes?: readonly string[]
  readonly subAttributes?: readonly Attribute[]
}

export interface Schema {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly attributes: readonly Attribute[]
}

/** A type of resources that can be provisioned. */
export interface ResourceType {
  readonly name: 'User' | 'Group'
  readonly endpoint: string
  readonly schema: Schema
  readonly extensions: readonly Schema[]
  /** The attributes of the schema and those that all resources have. */
  readonly attributes: readonly Attribute[]
}

type Characteristics = Partial<Omit<Attribute, 'name' | 'type' | 'description'>>

function attribute (type: Attribute['type'], name: string, description: string, characteristics: Characteristics = {}): Attribute {
  return { name, type, multiValued: false, description, required: false, caseExact: false, mutability: 'readWrite', returned: 'default', uniqueness: 'none', ...characteristics }
}

function string (name: string, description: string, characteristics?: Characteristics): Attribute {
  return attribute('string', name, description, characteristics)
}

function reference (name: string, description: string, referenceTypes: string[], characteristics?: Characteristics): Attribute {
  return attribute('reference', name, description, { referenceTypes, ...characteristics })
}

function complex (name: string, description: string, subAttributes: Attribute[], characteristics?: Characteristics): Attribute {
  return attribute('complex', name, description, { subAttributes, ...characteristics })
}

/** Creates a multi-valued attribute with the sub-attributes of RFC 7643, section 2.4. The canonical values are suggestions (section 7). */
function multiple (name: string, description: string, canonicalValues: string[], value: Attribute = string('value', 'The value itself')): Attribute {
  return complex(name, description, [
    value,
    string('display', 'A name to show to people'),
    string('type', 'What the value is for', canonicalValues.length > 0 ? { canonicalValues } : {}),
    attribute('boolean', 'primary', 'Whether this is the preferred value; at most one is')
  ], { multiValued: true })
}

const readOnly = { mutability: 'readOnly' } as const
const immutable = { mutability: 'immutable' } as const

/** RFC 7643, section 3.1: attributes of all resources, which no schema lists. */
const commonAttributes = [
  reference('schemas', 'The URNs of the schemas of the resource', ['uri'], { ...readOnly, multiValued: true, required: true, returned: 'always' }),
  string('id', 'The identifier that the server gave the resource', { ...readOnly, caseExact: true, returned: 'always', uniqueness: 'server' }),
  string('externalId', 'The identifier that the provider gave the resource', { caseExact: true }),
  complex('meta', 'What the server knows of the resource', [
    string('resourceType', 'The type of the resource', { ...readOnly, caseExact: true }),
    attribute('dateTime', 'created', 'When the resource was created', readOnly),
    attribute('dateTime', 'lastModified', 'When the resource was changed last', readOnly),
    reference('location', 'The URI of the resource', ['uri'], { ...readOnly, caseExact: true })
  ], readOnly)
]

// RFC 7643, section 8.7.1, without "groups": the members of a group are read from the group.
const userSchema: Schema = {
  id: 'urn:ietf:params:scim:schemas:core:2.0:User',
  name: 'User',
  description: 'User Account',
  attributes: [
    string('userName', 'The unique name of the user', { required: true, uniqueness: 'server' }),
    complex('name', 'The parts of the name', [
      string('formatted', 'The whole name'),
      string('familyName', 'The family name'),
      string('givenName', 'The given name'),
      string('middleName', 'The middle names'),
      string('honorificPrefix', 'What stands before the name, such as "Dr."'),
      string('honorificSuffix', 'What stands after the name, such as "III"')
    ]),
    string('displayName', 'The name to show to people'),
    string('nickName', 'The casual name'),
    reference('profileUrl', "The URL of the user's profile", ['external']),
    string('title', 'The title, such as "Vice President"'),
    string('userType', 'What the user is to the organization, such as "Employee"'),
    string('preferredLanguage', 'The preferred language, as in an Accept-Language header'),
    string('locale', 'The locale of dates, numbers and currencies'),
    string('timezone', 'The time zone, such as "Europe/Berlin"'),
    attribute('boolean', 'active', 'Whether the user may use the server'),
    string('password', 'Accepted and not stored', { mutability: 'writeOnly', returned: 'never' }),
    multiple('emails', 'The e-mail addresses', ['work', 'home', 'other']),
    multiple('phoneNumbers', 'The telephone numbers', ['work', 'home', 'mobile', 'fax', 'pager', 'other']),
    multiple('ims', 'The addresses for instant messages', ['aim', 'gtalk', 'icq', 'xmpp', 'msn', 'skype', 'qq', 'yahoo']),
    multiple('photos', 'The photos', ['photo', 'thumbnail'], reference('value', 'The URL of the photo', ['external'])),
    complex('addresses', 'The postal addresses', [
      string('formatted', 'The whole address'),
      string('streetAddress', 'Street, house number and what belongs to them'),
      string('locality', 'The city'),
      string('region', 'The state or region'),
      string('postalCode', 'The postal code'),
      string('country', 'The country'),
      string('type', 'What the address is for', { canonicalValues: ['work', 'home', 'other'] }),
      attribute('boolean', 'primary', 'Whether this is the preferred address; at most one is')
    ], { multiValued: true }),
    multiple('entitlements', 'What the user is entitled to', []),
    multiple('roles', 'The roles of the user', []),
    multiple('x509Certificates', 'The certificates of the user', [], attribute('binary', 'value', 'The certificate in base64', { caseExact: true }))
  ]
}

// RFC 7643, section 8.7.1.
const enterpriseUserSchema: Schema = {
  id: 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
  name: 'EnterpriseUser',
  description: 'Enterprise User',
  attributes: [
    string('employeeNumber', 'The number of the employee'),
    string('costCenter', 'The cost center'),
    string('organization', 'The organization'),
    string('division', 'The division'),
    string('department', 'The department'),
    complex('manager', 'The manager', [
      string('value', 'The id of the manager'),
      reference('$ref', 'The URI of the manager', ['User']),
      string('displayName', 'The name of the manager')
    ])
  ]
}

// RFC 7643, section 8.7.1, where "displayName" is not required; by section 4.2 it is. Unique for Entra ID, which
// finds a group by its name (learn.microsoft.com: develop a SCIM endpoint).
const groupSchema: Schema = {
  id: 'urn:ietf:params:scim:schemas:core:2.0:Group',
  name: 'Group',
  description: 'Group',
  attributes: [
    string('displayName', 'The unique name of the group', { required: true, uniqueness: 'server' }),
    complex('members', 'The members of the group', [
      string('value', 'The id of the member', immutable),
      string('display', 'The name of the member'),
      reference('$ref', 'The URI of the member', ['User', 'Group'], immutable),
      string('type', 'The type of the member', { ...immutable, canonicalValues: ['User', 'Group'] })
    ], { multiValued: true })
  ]
}

export const userType: ResourceType = {
  name: 'User',
  endpoint: '/Users',
  schema: userSchema,
  extensions: [enterpriseUserSchema],
  attributes: [...commonAttributes, ...userSchema.attributes]
}

export const groupType: ResourceType = {
  name: 'Group',
  endpoint: '/Groups',
  schema: groupSchema,
  extensions: [],
  attributes: [...commonAttributes, ...groupSchema.attributes]
}

export const resourceTypes: readonly ResourceType[] = [userType, groupType]
