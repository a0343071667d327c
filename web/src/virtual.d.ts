declare module 'virtual:feature-words' {
  /** Feature name to its definition, from src/risk/features.rs. */
  const words: Record<string, string>
  export default words
}
