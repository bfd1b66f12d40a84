#!/bin/sh
# The boot command of the board with flash: "slot trial tried" in a file that its initial RAM disk reads.
file=/data/boot-slot
change() {
  echo "$*" > "$file.new" && sync && mv "$file.new" "$file" && sync
}
case $1 in
  check) [ -f "$file" ] ;;
  status)
    read -r slot trial _ < "$file"
    echo "slot=$slot"
    echo "trial=$trial"
    ;;
  try) change "$2 1 0" ;;
  keep) change "$2 0 0" ;;
  *) exit 2 ;;
esac
