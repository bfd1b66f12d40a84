# The first stage of the test board, as U-Boot runs it from boot.scr: a trial boot as Mender's U-Boot
# integration defines it, and the same for a second stage in one of two raw areas. Debian's build keeps
# no environment of its own, so this script does what saveenv does with CONFIG_SYS_REDUNDAND_ENVIRONMENT:
# two copies on the disk, in front of the first partition, each with a CRC (4 bytes), a counter (1 byte)
# and the variables; the one with the higher counter counts, and the other is the one that is written.
setenv kept bootcount mender_boot_part mender_boot_part_hex upgrade_available loader loader_trial loader_tried
virtio dev ${devnum}
virtio read 0x8000000 0x100 0x10
virtio read 0x8010000 0x200 0x10

# env import and env export know no counter: the CRC, and behind it the variables.
setenv use_first 'cp.b 0x8000000 0x8020000 4; cp.b 0x8000005 0x8020004 0x1ffb; setenv counter 0x8000004; setenv spare 0x200; env import -c 0x8020000 0x1fff ${kept}'
setenv use_second 'cp.b 0x8010000 0x8020000 4; cp.b 0x8010005 0x8020004 0x1ffb; setenv counter 0x8010004; setenv spare 0x100; env import -c 0x8020000 0x1fff ${kept}'
setenv newer first
setenv older second
if itest.b *0x8010004 > *0x8000004; then setenv newer second; setenv older first; fi
if itest.b *0x8010004 == 0xff; then if itest.b *0x8000004 == 0; then setenv newer first; setenv older second; fi; fi
if itest.b *0x8000004 == 0xff; then if itest.b *0x8010004 == 0; then setenv newer second; setenv older first; fi; fi
if run use_${newer}; then
  echo U-Boot environment: copy ${newer}
else
  if run use_${older}; then
    echo U-Boot environment: copy ${older}, the other one is damaged
  else
    echo U-Boot environment: both copies are damaged
    reset
  fi
fi

# No arithmetic in this build: counting by going through all numbers.
setenv digits '0 1 2 3 4 5 6 7 8 9 a b c d e f'
setenv count_on 'setenv before ff; for h in ${digits}; do for l in ${digits}; do if itest.b *${counter} == 0x${before}; then setenv next ${h}${l}; fi; setenv before ${h}${l}; done; done'
setenv save_copy 'run count_on; env export -c -s 0x1fff 0x8020000 ${kept}; cp.b 0x8020000 0x8030000 4; cp.b 0x8020004 0x8030005 0x1ffb; mw.b 0x8030004 ${next} 1; virtio write 0x8030000 ${spare} 0x10'

setenv changed no
if test "${upgrade_available}" = "1"; then
  setenv changed yes
  if test "${bootcount}" = "0"; then
    setenv bootcount 1
  else
    if test "${mender_boot_part}" = "2"; then setenv mender_boot_part 3; else setenv mender_boot_part 2; fi
    setenv mender_boot_part_hex ${mender_boot_part}
    setenv upgrade_available 0
    setenv bootcount 0
  fi
fi

# The second stage, a or b, in the same way: on trial it is started once.
if test "${loader_trial}" = "1"; then
  setenv changed yes
  if test "${loader}" = "${loader_tried}"; then
    if test "${loader}" = "a"; then setenv loader b; else setenv loader a; fi
    echo Second stage: goes back to ${loader}
    setenv loader_trial 0
    setenv loader_tried none
  else
    setenv loader_tried ${loader}
  fi
else
  if test "${loader_tried}" = "none"; then
    true
  else
    setenv changed yes
    setenv loader_tried none
  fi
fi
if test "${changed}" = "yes"; then run save_copy; fi

setenv area 0x400
if test "${loader}" = "b"; then setenv area 0x500; fi
virtio read 0x8100000 ${area} 0x80
# Magic, length and sums.
if imi 0x8100000; then source 0x8100000; else echo Second stage: ${loader} is damaged; fi
# What cannot be started, or comes back, is not kept if it is on trial.
reset
