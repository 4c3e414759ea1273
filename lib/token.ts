import { hash, randomInt, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const prefix = 'scim_'

// The fewest base62 digits that hold 256 bits.
const secretLength = 43
const checksumLength = 6

const format = new RegExp(`^${prefix}[0-9A-Za-z]{${secretLength + checksumLength}}$`)
// A lookahead, because one candidate may start within another.
const formatWithin = new RegExp(`(?=(${prefix}[0-9A-Za-z]{${secretLength + checksumLength}}))`, 'g')
// Above this length, the search would cost more than all other checks of a header.
const longestSearchedText = 1024
const hashFormat = /^[0-9a-f]{64}$/

// Allocated once: two buffers for each comparison would cost as much as the hash.
const actualHash = Buffer.alloc(64)
const expectedHash = Buffer.alloc(64)

/** Generates a token: `scim_`, 256 random bits in 43 characters of `[0-9A-Za-z]`, and a checksum in 6. */
export function generateToken (): string {
  let body = prefix
  for (let i = 0; i < secretLength; i++) body += alphabet[randomInt(alphabet.length)]
  return body + checksum(body)
}

/** Whether the text has the format of a token: prefix, alphabet and length. */
export function hasFormat (text: string): boolean {
  return format.test(text)
}

/** Whether the text has the format and the checksum of a token. A truncated or mistyped token lacks them. */
export function isToken (text: string): boolean {
  return hasFormat(text) && text.endsWith(checksum(text.slice(0, -checksumLength)))
}

/**
 * Whether the text holds a token, whatever is before and after it. Characters that tokens do not
 * have, such as blanks and quotes, may be within it. Texts over 1 KiB are not searched.
 */
export function holdsToken (text: string): boolean {
  if (text.length > longestSearchedText) return false
  const candidates = text.replaceAll(/\W/g, '').matchAll(formatWithin)
  return [...candidates].some(([, candidate = '']) => isToken(candidate))
}

/** Returns the SHA-256 of a token in lower-case hexadecimal. A secret of 256 bits needs no salt. */
export function hashToken (token: string): string {
  return hash('sha256', token)
}

/** Whether the value has the format of {@link hashToken}. */
export function isHash (value: unknown): value is string {
  return typeof value === 'string' && hashFormat.test(value)
}

/** Whether the token has this hash, compared in constant time. No token has the hash `''`. */
export function matchesHash (token: string, expected: string): boolean {
  actualHash.write(hashToken(token))
  // Smaller if the last character takes several bytes: the buffer then keeps a byte of an earlier hash.
  const written = expectedHash.write(expected.padEnd(expectedHash.length))
  return timingSafeEqual(actualHash, expectedHash) && written === expected.length
}

/** Returns the CRC-32 in base62. Secret scanners verify it offline. */
function checksum (body: string): string {
  let rest = crc32(body)
  let digits = ''
  for (let i = 0; i < checksumLength; i++) {
    digits = alphabet[rest % alphabet.length] + digits
    rest = Math.floor(rest / alphabet.length)
  }
  return digits
}
