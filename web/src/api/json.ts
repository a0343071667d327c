// Reading of untrusted JSON: a field that is missing or of another type becomes its plain default.

export type Json = Record<string, unknown>

export function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

export function array(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

export function text(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise
}

export function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

export function texts(value: unknown): string[] {
  return array(value).filter((item): item is string => typeof item === 'string' && item !== '')
}

export function unique(values: string[]): string[] {
  return [...new Set(values)]
}
