#include "CLibSystemd.h"
